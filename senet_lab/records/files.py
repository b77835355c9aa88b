"""Files and folders: absent, empty and unreadable are three things, and what is written is whole or not there.

Everything in senet_lab that lists a folder, reads a file of a results folder or writes one does it through here.
Hidden names are nobody's content: a file that is being written is hidden until it is whole.
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
PART_SECONDS = 3600.0  # after which a half-written file of another machine is nobody's
NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EBADF, errno.EISDIR}
_numbers = count()


class Unreadable(StudyError):
    """Something is there and cannot be read. It is not nothing, so nothing may be concluded from it."""


def read_bytes(path: Path, mend: str = "move it away", largest: int | None = None) -> bytes | None:
    """The content of a file; None where there is none.

    mend: what its user can do, as the end of a sentence. largest: in bytes, where more is surely wrong.
    Raises Unreadable for whatever else is in its place.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for its writer
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
    """What lies in a folder, by name, without hidden names unless asked for; None where there is no folder.

    Raises Unreadable for a folder that cannot be listed, and for whatever else is in its place.
    """
    try:
        names = os.listdir(path)
    except OSError as error:
        _refuse_unless_absent(path, error)
        return None
    return [path / name for name in sorted(names) if hidden or not name.startswith(".")]


def folders_in(path: Path) -> list[Path]:
    """The folders in a folder that holds nothing else, by name; none where there is no folder.

    Raises Unreadable as ``list_folder``, and for anything in it that is no folder.
    """
    entries = list_folder(path) or []
    for entry in entries:
        if not is_folder(entry):
            raise Unreadable(f"{entry} is no folder, though only folders belong there; move it away")
    return entries


def is_file(path: Path) -> bool:
    """Whether a file is there. Raises Unreadable where something else is, or where nobody can tell."""
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        raise Unreadable(f"{path} is no file, though one belongs there; move it away")
    return mode is not None


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as against a file or nothing. Raises Unreadable where nobody can tell."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except OSError as error:
        _refuse_unless_absent(path, error)
        return None


def _refuse_unless_absent(path: Path, error: OSError) -> None:
    """A link to nothing, on the way or at its end, is not nothing."""
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
    """Writes a file whole or not at all; False where something was there before, and then leaves it as it is.

    Raises OSError where it cannot be written. Of several writers one gets True, on a file system with hard links by a
    link, elsewhere by holding a lease while it looks and renames.
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
    """Writes a file whole or leaves the old one. Raises OSError where it cannot be written."""
    with _part(path, data) as part:
        os.replace(part, path)
    _sync_folder(path.parent)


def remove_file(path: Path) -> bool:
    """Removes a file; False where it was not there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def remove_parts(folder: Path) -> list[Path]:
    """Removes what killed writers left half-written below a folder, and returns it.

    Of this machine that is what no living process writes; of others, what is an hour old.
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
        with _part(path.with_name("now"), b"") as now:  # the clock of the file system, which may be another machine's
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
    """Some file systems cannot sync a folder, or anything; then there is nothing to wait for."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
