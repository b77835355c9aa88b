"""Reads and lists files so that an absent, an empty and an unreadable file differ.

All parts of senet_lab read and list the files of results folders with these functions. Hidden names never count as
content: a file has one while it is written (``files``).
"""

import errno
import os
import stat
from pathlib import Path

from senet_lab.errors import StudyError


class Unreadable(StudyError):
    """A file or folder exists and cannot be read. It must not be treated as absent."""


def read_bytes(path: Path, mend: str = "move it away", largest: int | None = None) -> bytes | None:
    """The content of a file; None where there is no file.

    mend: what a user can do about an error, as the end of a sentence. largest: the size in bytes above which a file is
    surely wrong; None for any size. Raises Unreadable for anything there that is not a readable file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # NONBLOCK: do not wait for a FIFO's writer
    except OSError as error:
        _refuse_unless_absent(path, error)
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(f"{path} is no regular file; {mend}")
        if largest is not None and found.st_size > largest:
            raise Unreadable(f"{path} has {found.st_size:,} bytes, more than any file of its kind; {mend}")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(handle)


def list_folder(path: Path, *, hidden: bool = False) -> list[Path] | None:
    """The paths in a folder, sorted by name; None where there is no folder. Hidden names only with ``hidden``.

    Raises Unreadable for a folder that cannot be listed, and for anything there that is not a folder.
    """
    try:
        names = os.listdir(path)
    except OSError as error:
        _refuse_unless_absent(path, error)
        return None
    return [path / name for name in sorted(names) if hidden or not name.startswith(".")]


def folders_in(path: Path) -> list[Path]:
    """The folders in a folder that may hold nothing else, sorted by name; empty where there is no folder.

    Raises the errors of ``list_folder``, and Unreadable where the folder holds anything else.
    """
    entries = list_folder(path) or []
    for entry in entries:
        if not is_folder(entry):
            raise Unreadable(f"{entry} is no folder, though only folders belong there; move it away")
    return entries


def is_file(path: Path) -> bool:
    """Whether a file is there. Raises Unreadable where something else is there, or where it cannot be found out."""
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        raise Unreadable(f"{path} is no file, though one belongs there; move it away")
    return mode is not None


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False for a file or nothing. Raises Unreadable where it cannot be found out."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError as error:
        _refuse_unless_absent(path, error)
        return None


def _refuse_unless_absent(path: Path, error: OSError) -> None:
    """Raises Unreadable unless the path is absent.

    A path that is a broken symbolic link, or that leads through one, does not count as absent.
    """
    if error.errno != errno.ENOENT:
        raise _unreadable(path, error) from None
    for place in (path, *path.parents):
        if os.path.lexists(place):
            if place.is_symlink() and not place.exists():
                raise Unreadable(f"{place} is a link to nothing; mend or remove it") from None
            return


def _unreadable(path: Path, error: OSError) -> Unreadable:
    if error.errno == errno.ENOTDIR:
        blocking = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
        return Unreadable(f"{blocking} is a file, though a folder belongs there; move it away")
    return Unreadable(f"{path} cannot be read ({error.strerror}); it is not taken for nothing")
