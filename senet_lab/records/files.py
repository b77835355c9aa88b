"""Writes files whole or not at all, so that no half-written file is seen, and removes what killed processes left.

All parts of senet_lab write the files of results folders with these functions. A file has a hidden name while it is
written; hidden names never count as content (``reading``).
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from senet_lab.living import lives_here
from senet_lab.records.lease import NO_LINKS, machine, take

PART = re.compile(r"^\..+\.(?P<machine>[0-9a-f]{12})-(?P<process>\d+)-\d+\.part$")
PART_SECONDS = 3600.0  # an older half-written file of another machine was left by a killed process
NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EBADF, errno.EISDIR}


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


def look_anew(folder: Path) -> None:
    """Makes a file server's client forget which files of a folder it did not find: it may know that for a minute, in
    which another machine has made them. A change of its own makes it ask again."""
    with _part(folder / "now", b""):
        pass


def remove_file(path: Path) -> bool:
    """Removes a file. Returns False where it was not there, which a read-only file system does not say by itself."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.EROFS and not os.path.lexists(path):
            return False
        raise
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
    # Not a counter: a process of an earlier container may have had this number, and left a file.
    number = int.from_bytes(os.urandom(6))
    part = path.with_name(f".{path.name}.{machine()}-{os.getpid()}-{number}.part")
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
