"""Records on disk: ``<root>/records/<protocol>/<key>/seed-<n>.json``, with curves beside them.

Files appear whole, once, or not at all. Locks, checkpoints and weights lie in ``<root>/cache``, outside git.
"""

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import csv_text
from senet_lab.records.record import Record, RecordError, from_json, to_json
from senet_lab.study.cell import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One epoch of a run. The test columns are of the evaluation split, after the epoch."""

    epoch: int  # from 1
    learning_rate: float  # of the last step
    train_loss: float  # mean over the batches, with label smoothing where the protocol has it
    train_top1_error_pct: float  # while training, on augmented images
    test_loss: float
    test_top1_error_pct: float
    test_top5_error_pct: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Store:
    """One place for records."""

    root: Path

    def path(self, run: Run, folder: str = "records", suffix: str = ".json") -> Path:
        """The file of a run in one of the store's folders."""
        return self.root / folder / run.cell.protocol.name / run.cell.key / f"seed-{run.seed}{suffix}"

    def read(self, run: Run) -> Record | None:
        """The record of a run, or None where there is none. Raises RecordError for one that cannot be believed."""
        try:
            return self._read(self.path(run))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_all(self) -> list[Record]:
        """Every record, in order. Raises RecordError for one that cannot be believed."""
        return [self._read(path) for path in sorted((self.root / "records").glob("*/*/seed-*.json"))]

    def _read(self, path: Path) -> Record:
        record = from_json(path.read_bytes().decode("utf-8", errors="replace"), str(path))
        if path != self.path(record.run):
            raise RecordError(f"{path} is the record of another run; move it to where its key and seed say")
        return record

    def missing(self, runs: Iterable[Run]) -> list[Run]:
        """The runs without a record, in order. Raises RecordError for a damaged one: it is not trained over."""
        return [run for run in runs if self.read(run) is None]

    def write(self, record: Record) -> None:
        """Adds a record; where another process wrote it first, that one stands."""
        write_once(self.path(record.run), to_json(record))

    def write_curve(self, run: Run, curve: Sequence[CurvePoint]) -> None:
        """Puts the curve of a run in place, before its record."""
        text = csv_text([field.name for field in fields(CurvePoint)], map(asdict, curve))
        replace_file(self.path(run, "curves", ".csv"), text.encode())

    def check_writable(self) -> None:
        """Raises StudyError where records cannot be written, before anything is trained."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise StudyError(
                f"cannot write to {self.root} ({error.strerror}); "
                "make it writable or name another folder with --results"
            ) from None

    @contextlib.contextmanager
    def lock(self, run: Run) -> Iterator[bool]:
        """Holds a run; False where another process does. The lock ends with its process, however that ends."""
        path = self.path(run, "cache/locks", ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                yield False
                return
            yield True


def write_once(path: Path, text: str) -> bool:
    """Writes a file whole or not at all; False where it was there before, and then leaves it as it is."""
    with _temporary(path, text.encode()) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    _sync_folder(path.parent)
    return True


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file whole or leaves the old one."""
    with _temporary(path, data) as temporary:
        os.replace(temporary, path)
    _sync_folder(path.parent)


@contextlib.contextmanager
def _temporary(path: Path, data: bytes) -> Iterator[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
