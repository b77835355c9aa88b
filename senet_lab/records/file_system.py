"""Tests what the file system of a store can do, before anything is trained.

Network and cloud file systems may lack hard links or locks, or may have locks that other machines do not see. On all of
them records are written whole, and each run has one worker. They differ in the way this is done, and in the time after
which a dead worker's run is free again.
"""

import contextlib
import errno
import fcntl
import functools
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records import lease
from senet_lab.records.files import replace_file
from senet_lab.records.lease import NO_LINKS

MOUNTS = Path("/proc/self/mountinfo")  # bytes, split at single spaces; a name may have any other byte
ESCAPED = re.compile(rb"\\([0-7]{3})")  # how the kernel writes a byte such as that of a space
NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.EBADF}
LOCAL = {
    "ext2",
    "ext3",
    "ext4",
    "xfs",
    "btrfs",
    "zfs",
    "f2fs",
    "tmpfs",
    "ramfs",
    "overlay",
    "bcachefs",
    "jfs",
    "reiserfs",
}
SHARED = {"gpfs", "ceph", "gfs2", "ocfs2"}  # their flock crosses machines


class Reach(StrEnum):
    """Who can see that a file is locked by flock."""

    MACHINES = "all machines"
    MACHINE = "this machine"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system. kind: its name, such as ext4. links: whether it has hard links. reach: who sees its locks."""

    kind: str
    links: bool
    reach: Reach

    @property
    def text(self) -> str:
        """How records are written and runs claimed here, in one line."""
        writes = "hard links" if self.links else "exclusive creation (it has no hard links)"
        if self.reach is Reach.NOBODY:
            claims = f"lease files (its flock is not relied on): a worker that died elsewhere is waited for {_DEAD}"
        else:
            claims = f"flock and lease files: one that died on another machine is waited for {_DEAD}"
        return f"file system {self.kind}: records by {writes}; runs are claimed by {claims}"


_testing = threading.Lock()
_DEAD = f"{lease.DEAD_SECONDS:.0f} s"


def file_system_of(root: Path) -> FileSystem:
    """What a folder's file system can do; tested once per process. Raises OSError where it cannot be written."""
    with _testing:  # threads that ask at once would meet each other's files
        return probed(root)


@functools.cache
def probed(root: Path) -> FileSystem:
    """As ``file_system_of``, for one thread at a time."""
    place = root / "cache" / "locks"
    place.mkdir(parents=True, exist_ok=True)
    probe = _probe(place, 0)
    kind, options = _mount_of(place)
    try:
        replace_file(probe, b"")
        return FileSystem(kind, _has_links(probe), _reach(probe, kind, options))
    finally:
        for path in (probe, _probe(place, 1)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _probe(place: Path, number: int) -> Path:
    """A hidden file for tests. If this process is killed, the next command removes it."""
    return place / f".probe.{lease.machine()}-{os.getpid()}-{number}.part"


def _has_links(probe: Path) -> bool:
    try:
        os.link(probe, _probe(probe.parent, 1))
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return False
    return True


def _reach(probe: Path, kind: str, options: set[str]) -> Reach:
    with flock(probe) as first, flock(probe) as second:
        if (first, second) != (Flock.HELD, Flock.BUSY):  # there are no locks, or they do not exclude each other
            return Reach.NOBODY
    if kind in LOCAL:
        return Reach.MACHINE
    if kind in SHARED or (kind == "lustre" and "flock" in options):
        return Reach.MACHINES
    if kind.startswith("nfs") and not options & {"local_lock=all", "local_lock=flock", "nolock"}:
        return Reach.MACHINES
    return Reach.NOBODY  # unknown: cloud drives, SMB, a host's folders in a virtual machine


def _mount_of(path: Path) -> tuple[str, set[str]]:
    """The kind of file system that a path lies on, and its mount options."""
    place = path.resolve()
    best, kind, options = "", "unknown", set[str]()
    try:
        lines = MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return kind, options
    for line in filter(None, lines):
        fields, rest = (part.split(b" ") for part in line.split(b" - ", 1))
        point = os.fsdecode(ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), fields[4]))
        if place.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, os.fsdecode(rest[0])
            options = set(os.fsdecode(fields[5] + b"," + rest[-1]).split(","))
    return kind, options


class Flock(StrEnum):
    """The result of asking for a lock."""

    HELD = "held"
    BUSY = "busy"
    NONE = "none"  # there are no locks here


@contextlib.contextmanager
def flock(path: Path) -> Iterator[Flock]:
    """Holds a file's lock, if nobody else holds it. The lock ends with the process, even if that is killed.

    Processes that were forked meanwhile have the same open file, so closing it here would not be enough.
    """
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EACCES, *NO_FLOCK}:
                raise
            yield Flock.NONE if error.errno in NO_FLOCK else Flock.BUSY
            return
        try:
            yield Flock.HELD
        finally:
            with contextlib.suppress(OSError):  # the file server is away
                fcntl.flock(file, fcntl.LOCK_UN)


@contextlib.contextmanager
def claim(path: Path, reach: Reach) -> Iterator[lease.Lease | None]:
    """Holds ``path`` for one process or thread of all machines. Gives None where another one holds it.

    The lease decides. Where both workers see flock, a free lock also shows at once that the lease's holder died. The
    lease is given back at the end, unless its user has removed it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        locked = Flock.NONE
        if reach is not Reach.NOBODY:
            locked = stack.enter_context(flock(path))
            if locked is Flock.BUSY:
                yield None
                return
        seen = reach if locked is Flock.HELD else Reach.NOBODY

        def died(holder: lease.Holder) -> bool:
            """Whether the holder must be dead: alive, it would hold the lock that we hold now."""
            if holder.note == Reach.MACHINE == seen:
                return holder.machine == lease.machine()
            return holder.note == Reach.MACHINES == seen

        held = lease.take(path, seen, died)
        if held is None:
            yield None
            return
        try:
            yield held
        finally:
            held.give_back()


def refuse_unwritable(folders: list[Path], root: Path) -> None:
    """Raises StudyError where one of the folders (or its nearest existing parent) cannot be written.

    Of the folders only the root is created.
    """
    for folder in folders:
        try:
            root.mkdir(parents=True, exist_ok=True)
            place = next(p for p in (folder, *folder.parents) if os.path.lexists(p))
            probe = _probe(place, 0)
            os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
            os.unlink(probe)
        except OSError as error:
            raise StudyError(
                f"cannot write to {folder} ({error.strerror}); make it writable or name another folder than {root} "
                "with --results"
            ) from None
