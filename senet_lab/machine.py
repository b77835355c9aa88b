"""What this machine offers to this process: cores, memory, a folder for compiled code."""

import atexit
import contextlib
import errno
import hashlib
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from senet_lab.errors import StudyError


def cores() -> int:
    """The number of processors that this process may use: by its affinity mask, where the system has one, and by the
    limits of its control groups, as a container has them."""
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([mask, *processors_in_groups()])


def processors_in_groups(root: Path = Path("/")) -> list[int]:
    """The processors that each control group around this process may use, rounded up. Groups without a limit are left
    out. root: the folder with proc and sys."""
    found = []
    for place, controller, names in _CPU_GROUPS:
        for group in _groups(root, place, controller):
            with contextlib.suppress(OSError, ValueError):  # the file does not exist here, or the limit is "max"
                quota, period = (int(text) for name in names for text in (group / name).read_text().split())
                found += [-(-quota // period)] if quota > 0 else []
    return found


def available_bytes(root: Path = Path("/")) -> int:
    """The bytes that this process may still take, by the machine's free memory and the limits of its control groups.

    root: the folder with proc and sys. On a system without them, all memory counts as free.
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        free = [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        free = []
    free = free or [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    return min(free + _left_in_groups(root))


# For version 2 of control groups, then for version 1: the folder, the controller's name in /proc/self/cgroup, and
# three names: the files of limit and usage, and the line of memory.stat with the cache that the kernel frees by itself.
_GROUPS = (
    ("sys/fs/cgroup", "", ("memory.max", "memory.current", "inactive_file")),
    ("sys/fs/cgroup/memory", "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
)


# As _GROUPS, with the files of the processor time a period: both numbers in one file, or in one each.
_CPU_GROUPS = (
    ("sys/fs/cgroup", "", ("cpu.max",)),
    ("sys/fs/cgroup/cpu", "cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us")),
)


def _left_in_groups(root: Path) -> list[int]:
    """The bytes that each control group around this process has left. Groups without a limit are left out."""
    found = []
    for place, controller, names in _GROUPS:
        for group in _groups(root, place, controller):
            found += _left_in(group, *names)
    return found


def _groups(root: Path, place: str, controller: str) -> Iterator[Path]:
    """The folders of one controller's groups around this process, from its own to the outermost.

    place: the controller's folder below root. controller: its name; empty for version 2, which has one folder for all.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, named, path = line.split(":", 2)
        if controller in named.split(","):
            group = Path(path.strip("/"))
            for part in (group, *group.parents) if group.parts else (group,):
                yield root / place / part


def _left_in(folder: Path, limit: str, usage: str, cache: str) -> list[int]:
    with contextlib.suppress(OSError, ValueError):  # the group does not exist here, or its limit is "max"
        kept = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        reclaimable = sum(int(value) for name, value in kept if name == cache)
        used = int((folder / usage).read_text())
        return [max(0, int((folder / limit).read_text()) - used + reclaimable)]
    return []


@contextlib.contextmanager
def living_processes(photos: object) -> Iterator[None]:
    """Turns torch's error that a loader process ended, as when the system kills it, into a StudyError.

    photos: what they load, in words.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):
            raise
        raise StudyError(
            f"a process that loads {photos} ended ({' '.join(str(error).split())[:100]}); is there too little memory? "
            "In training --loaders N starts fewer of them"
        ) from None


@contextlib.contextmanager
def enough_shared_memory() -> Iterator[None]:
    """Turns torch's errors of too little shared memory, through which processes give each other tensors, into a
    StudyError with the mend."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC  # a semaphore, which lies there too
        if not full and "shared memory" not in str(error):
            raise
        raise StudyError(
            "/dev/shm, through which loader processes hand over photos, is too small; give a container more by "
            "--shm-size=8g or --ipc=host, and elsewhere free some of it"
        ) from None


def compiled_code_folder(name: str) -> Path:
    """This user's folder for code that is compiled here and executed later. It is created where there is none.

    It is in $XDG_CACHE_HOME or ~/.cache, never among results, which are copied from machine to machine. Where it cannot
    be created there, it is a temporary folder that this process removes at its end. Raises StudyError for a folder that
    another user owns or can write to, since that user could put code into it.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "senet_lab" / f"{name}-{_processor()}"
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        return _temporary_folder()
    for path in (folder.parent, folder):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise StudyError(
                f"{path} holds code that is executed, and another user may write there: make it a folder of your own "
                f"(chmod 700 {path}), or set XDG_CACHE_HOME to another place"
            )
    return folder


def _temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="senet_lab-")  # with mode 0700 and a random name
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _processor() -> str:
    """A short name of the kind of processor, since different machines may share a home folder."""
    try:
        flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Feat"))]
    except OSError:
        flags = []
    known = platform.machine() + platform.processor() + "".join(flags[:1])
    return hashlib.sha256(known.encode()).hexdigest()[:8]
