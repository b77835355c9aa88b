"""The exception that commands turn into one line for the user, and what damaged files and a lack of memory raise."""

import sys
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

# How PyTorch, cuBLAS, cuDNN and the CPU's allocator say that memory is short. Without memory the libraries also fail to
# make their handles (NOT_INITIALIZED), and cuDNN finds no engine.
MEMORY_SIGNS = (
    "out of memory",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "DEVICE_ALLOCATION_FAILED",
    "HOST_ALLOCATION_FAILED",
    "unable to find an engine to execute this computation",
    "can't allocate memory",
    "not enough memory",
)


def to_install(extra: str) -> str:
    """How to install one of the extras of pyproject.toml."""
    return f"in the folder of senet_lab: {sys.executable} -m pip install -c constraints.txt -e '.[{extra}]'"


class StudyError(Exception):
    """A mistake that the user can correct. The text names what is wrong and what to do.

    Commands print it as one line, without a traceback, and exit with ``exit_status``.
    """

    exit_status = 2


class NoData(StudyError):
    """The data of a run cannot be opened or read. Other runs on the same data would meet the same."""


def lacks_memory(error: Exception) -> bool:
    """Whether an error means that memory was short."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in MEMORY_SIGNS)
