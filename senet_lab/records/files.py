"""Reads and writes files so that an absent, an empty and an unreadable file differ, and no half-written file is seen.

All parts of senet_lab read, write and list the files of results folders with these functions. A file has a hidden name
while it is written; hidden names never count as content.
"""

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.lease import NO_LINKS, lives_here, machine, take

PART = re.compile(r"^\..+\.(?P<machine>[0-9a-f]{12})-(?P<process>\d+)-\d+\.part$")
PART_SECONDS = 3600.0  # an older half-written file of another machine was left by a killed process
NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EBADF, errno.EISDIR}
_numbers = count()


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
    """Raises Unreadable unless the path is absent. A link to nothing, at its end or on its way, is not absent."""
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


def write_once(path: Path, text: str) -> bool:
    """Writes a file whole or not at all. Returns False where one was there before, and leaves that as it is.

    Of several writers exactly one gets True. This is done by a hard link; on a file system without them, by a lease
    that is held while the file is looked for and renamed. Raises OSError where the file cannot be written.
    """
    with _part(path, text.encode()) as part:
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if not _rename_once(part, path):
                return False
    _sync_folder(path.parent)
    return True


def _rename_once(part: Path, path: Path) -> bool:
    guard = path.with_name(f".{path.name}")
    while True:
        lease = take(guard)
        if lease is not None:
            break
        if os.path.lexists(path):
            return False
        time.sleep(0.05)
    try:
        if os.path.lexists(path):
            return False
        os.replace(part, path)
        return True
    finally:
        lease.remove()


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file whole, or leaves the old one as it was. Raises OSError where it cannot be written."""
    with _part(path, data) as part:
        os.replace(part, path)
    _sync_folder(path.parent)


def remove_file(path: Path) -> bool:
    """Removes a file. Returns False where it was not there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_parts(folder: Path) -> list[Path]:
    """Removes half-written files of killed processes below a folder, and returns their paths.

    A file of this machine is removed if its process is dead, a file of another machine if it is an hour old.
    """
    removed = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith("inductor")]
        for name in names:
            path = Path(place) / name
            if (found := PART.match(name)) and _is_nobodys(path, found["machine"], int(found["process"])):
                remove_file(path)
                removed.append(path)
    return sorted(removed)


def _is_nobodys(path: Path, where: str, process: int) -> bool:
    if where == machine():
        return not lives_here(process)
    try:
        with _part(path.with_name("now"), b"") as now:  # ages by the file system's clock, which may differ from ours
            return now.stat().st_mtime - path.stat().st_mtime > PART_SECONDS
    except OSError:
        return False


@contextlib.contextmanager
def _part(path: Path, data: bytes) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{machine()}-{os.getpid()}-{next(_numbers)}.part")
    try:
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            _sync(handle)
        finally:
            os.close(handle)
        yield part
    finally:
        remove_file(part)


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    """Syncs a file or folder. Some file systems cannot sync folders, or anything; this is no error."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
