"""The exception that commands turn into one line for the user, and the exceptions that damaged files cause."""

import zipfile
import zlib

# What can be raised while damaged text, or JSON of another form, is turned into values.
INVALID = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
# What can be raised while an .npy or .npz file that is cut or damaged is read. RuntimeError is for parts that seem to
# be encrypted, or compressed in another way.
INVALID_ARRAYS = (
    ValueError,
    KeyError,
    EOFError,
    OSError,
    MemoryError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class StudyError(Exception):
    """A mistake that the user can correct. The text names what is wrong and what to do.

    Commands print it as one line, without a traceback, and exit with ``exit_status``.
    """

    exit_status = 2
