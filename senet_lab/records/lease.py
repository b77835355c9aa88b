"""Leases: a file says who works on something, and its age says whether they still do. They need no server and no lock.

The files of a lease are ``<name>.lease-<generation>``. Only the highest generation counts. It is over when it was given
back, when its process has ended, or when its file was not touched for DEAD_SECONDS. Whoever wants a lease that is over
creates the file of the next generation exclusively, so only one of several gets it. The holder touches its file every
BEAT_SECONDS. Ages are measured by the file system's own clock.
"""

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from senet_lab import living
from senet_lab.errors import INVALID
from senet_lab.living import began, lives_here

machine = living.machine
BEAT_SECONDS = 15.0
DEAD_SECONDS = 90.0
GIVEN_BACK = b"{}"
NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EMLINK, errno.EXDEV, errno.EINVAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lease.

    machine: stands for one boot of one machine and one PID namespace (``machine()``). process: its number. started:
    when the process began, since process numbers are used again. note: a text of the lease's user.
    """

    host: str
    machine: str
    process: int
    started: str
    note: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether the process has surely ended. Only its own machine can know this."""
        return self.machine == machine() and not lives_here(self.process, self.started)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


class Lease:
    """A lease that is held. ``lost``: another process took it, which can happen after this one was stopped for long."""

    def __init__(self, path: Path, generation: int) -> None:
        self._path, self._generation, self._file = path, generation, _file(path, generation)
        self._ended = threading.Event()
        self.lost = False
        self._thread = threading.Thread(target=self._beat, name=f"lease {path.name}", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self.beat()

    def beat(self) -> None:
        """Sets ``lost`` if another process has it now, and touches its file."""
        with suppress(OSError):  # the file server may be away for a moment
            self.lost = self.lost or _newest(self._path) != self._generation
            os.utime(self._file)

    def give_back(self) -> None:
        """Ends the lease. Its file stays and says so, since the numbers of generations must not begin anew."""
        self._stop()
        with suppress(OSError), open(self._file, "r+b", buffering=0) as file:
            file.write(GIVEN_BACK)  # one write over the beginning, so no reader sees a state in between

    def remove(self) -> None:
        """Ends the lease and removes its files. For work that is done, so that nobody will want the lease again."""
        self._stop()
        remove(self._path)

    def _stop(self) -> None:
        self._ended.set()
        self._thread.join()


def take(path: Path, note: str = "", is_over: Callable[[Holder], bool] = lambda holder: False) -> Lease | None:
    """Takes the lease of this name; None where another process has it.

    note: a text to keep in the lease. is_over: whether a holder is known to be dead, by other means. Raises OSError
    where the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    newest = _newest(path)
    if newest and not _is_over(path, newest, is_over):
        return None
    generation = newest + 1
    own = Holder(host=socket.gethostname(), machine=machine(), process=os.getpid(), started=began(os.getpid()))
    if not _create(_file(path, generation), json.dumps({**asdict(own), "note": note}).encode()):
        return None
    for other in _generations(path):
        # While we looked, others took this generation, gave it back, and took a later one. The later holder may have
        # removed our file already.
        if other > generation:
            _unlink(_file(path, generation))
            return None
    remove(path, below=generation)
    return Lease(path, generation)


def _create(file: Path, text: bytes) -> bool:
    """Creates a file exclusively; False where another process was faster. With hard links it is never seen empty."""
    part = _beside(file)
    try:
        _write(part, os.O_TRUNC, text)
        os.link(part, file)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
    finally:
        _unlink(part)
    try:
        _write(file, os.O_EXCL, text)
    except FileExistsError:
        return False
    except OSError:
        _unlink(file)
        raise
    return True


def _write(file: Path, flag: int, text: bytes) -> None:
    handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | flag, 0o666)
    try:
        os.write(handle, text)
    finally:
        os.close(handle)


def _unlink(file: Path) -> None:
    with suppress(FileNotFoundError):
        os.unlink(file)


def _beside(file: Path) -> Path:
    """A hidden file of this thread. If the process is killed, the next command removes it."""
    return file.with_name(f".{file.name}.{machine()}-{os.getpid()}-{threading.get_ident()}.part")


def remove(path: Path, below: int | None = None) -> None:
    """Removes all files of a lease that nobody will want again; with ``below``, only those of earlier generations."""
    for generation in _generations(path):
        if below is None or generation < below:
            _unlink(_file(path, generation))


def holder_of(path: Path) -> Holder | None:
    """Who holds the lease of this name now, by its file; None where nobody does."""
    newest = _newest(path)
    if not newest or _is_over(path, newest, lambda holder: False):
        return None
    return _read(path, newest) or Holder(host="another machine", machine="", process=0, started="")


def _is_over(path: Path, generation: int, is_over: Callable[[Holder], bool]) -> bool:
    try:
        if _file(path, generation).read_bytes().startswith(GIVEN_BACK):
            return True
        holder = _read(path, generation)
        if holder is not None and (holder.is_gone or is_over(holder)):
            return True
        return _age(_file(path, generation)) > DEAD_SECONDS
    except FileNotFoundError:  # removed meanwhile, since the work is done
        return True


def _read(path: Path, generation: int) -> Holder | None:
    """The holder in a lease's file; None where the file is not written yet."""
    try:
        return Holder(**json.loads(_file(path, generation).read_bytes()))
    except INVALID:
        return None


def _age(file: Path) -> float:
    """The file's age in seconds by the file system's clock; by this machine's where nothing can be written."""
    beside = _beside(file)
    try:
        _write(beside, os.O_TRUNC, b"")
        os.utime(beside)
        now = os.stat(beside).st_mtime
        _unlink(beside)
    except OSError:
        now = time.time()
    return now - os.stat(file).st_mtime


def _file(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}.lease-{generation}")


def _newest(path: Path) -> int:
    return max(_generations(path), default=0)


def _generations(path: Path) -> list[int]:
    prefix, names = f"{path.name}.lease-", list[str]()
    with suppress(FileNotFoundError):
        names = os.listdir(path.parent)
    numbers = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return [int(number) for number in numbers if number.isdigit()]
