"""Records on disk: ``<root>/records/<protocol>/<key>/seed-<n>.json``. Curves are in ``<root>/curves``.

Files are written whole, and once. Locks, checkpoints and weights are in ``<root>/cache``, outside git.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from senet_lab.errors import INVALID
from senet_lab.records.file_system import FileSystem, Reach, claim, file_system_of, refuse_unwritable
from senet_lab.records.files import look_anew, write_once
from senet_lab.records.lease import Holder, Lease, holder_of
from senet_lab.records.reading import Unreadable, folders_in, is_file, list_folder, read_bytes
from senet_lab.records.record import Record, RecordError, from_json, protocol_in, refuse_invalid, to_json
from senet_lab.study.cell import Cell, Run
from senet_lab.study.protocol import Protocol

RECORD_NAME = re.compile(r"seed-(\d+)\.json")
WRITTEN = ("records", "curves", "cache/locks", "cache/checkpoints", "cache/weights", "cache/boxes", "cache/logs")


@dataclass(frozen=True, slots=True)
class Store:
    """A results folder with its records.

    All methods that read raise RecordError for a damaged record, and Unreadable for a file or folder that cannot be
    read. So neither is mistaken for a run that was not made.
    """

    root: Path

    def path(self, run: Run, folder: str = "records", suffix: str = ".json") -> Path:
        """The file of a run in one of the store's folders."""
        return self.root / folder / run.cell.protocol.name / run.cell.key / f"seed-{run.seed}{suffix}"

    def read(self, run: Run) -> Record | None:
        """The record of a run; None where there is none."""
        path = self.path(run)
        data = read_bytes(path)
        return None if data is None else self._record(path, data)

    def read_file(self, path: Path) -> Record:
        """The record in one of ``record_files``."""
        return self._read(path)

    def read_cells(self, cells: Iterable[Cell]) -> list[Record]:
        """The records of these cells, sorted by path. No other record is read."""
        folders = {self.root / "records" / cell.protocol.name / cell.key for cell in cells}
        return [self._read(path) for folder in sorted(folders) for path in self._record_files(folder)]

    def read_named(self, key: str) -> list[Record]:
        """The records of the cells whose key begins with ``key``, sorted by path. No other record is read."""
        folders = [folder for folder in self._cell_folders() if folder.name.startswith(key)]
        return [self._read(path) for folder in folders for path in self._record_files(folder)]

    def record_files(self) -> list[Path]:
        """The paths of all records, sorted."""
        return [path for folder in self._cell_folders() for path in self._record_files(folder)]

    def read_all(self) -> list[Record]:
        """All records, sorted by path. A store may hold thousands; ``read_cells`` reads only those of some cells."""
        return [self._read(path) for path in self.record_files()]

    def protocols(self) -> list[Protocol]:
        """The protocols that have records, as the records hold them, sorted by name and version.

        For speed, only one record of each cell is read, and only its protocol is checked.
        """
        firsts = (next(iter(self._record_files(folder)), None) for folder in self._cell_folders())
        found = {self._protocol(path): None for path in firsts if path is not None}
        return sorted(found, key=lambda protocol: (protocol.name, protocol.version))

    def _protocol(self, path: Path) -> Protocol:
        try:
            return protocol_in(read_bytes(path) or b"")
        except INVALID:
            return self._read(path).run.cell.protocol  # raises an error that says what is wrong

    def _cell_folders(self) -> list[Path]:
        return [cell for protocol in folders_in(self.root / "records") for cell in folders_in(protocol)]

    def _record_files(self, folder: Path) -> list[Path]:
        return [path for path in list_folder(folder) or [] if RECORD_NAME.fullmatch(path.name)]

    def _read(self, path: Path) -> Record:
        data = read_bytes(path)
        if data is None:
            raise Unreadable(f"{path} went away while it was read")
        return self._record(path, data)

    def _record(self, path: Path, data: bytes) -> Record:
        record = from_json(data.decode("utf-8", errors="replace"), str(path))
        self.refuse_misplaced(record, path)
        return record

    def refuse_misplaced(self, record: Record, path: Path) -> None:
        """Raises RecordError for a record in the place of another run's record."""
        if path != self.path(record.run):
            raise RecordError(f"{path} is the record of another run; move it to where its key and seed say")

    def missing(self, runs: Iterable[Run]) -> list[Run]:
        """The runs without a record, in order. A damaged record raises RecordError; it does not count as missing."""
        return [run for run in runs if self.read(run) is None]

    def has_record(self, run: Run) -> bool:
        """Whether there is a file in the place of the run's record."""
        return is_file(self.path(run))

    def write(self, record: Record) -> bool:
        """Adds a record. Returns False where the run has a record already, which then stays.

        Raises StudyError, before anything is written, for a record that could not be read again.
        ``senet_lab.records.publish`` adds a record together with its files.
        """
        text = to_json(record)
        refuse_invalid(text)
        return write_once(self.path(record.run), text)

    def prepare(self) -> FileSystem:
        """Prepares the folder for training, and returns what its file system can do.

        Raises StudyError where one of the folders that a run writes to cannot be written.
        """
        refuse_unwritable([self.root, *(self.root / name for name in WRITTEN)], self.root)
        return file_system_of(self.root.resolve())

    @contextlib.contextmanager
    def lock(self, run: Run) -> Iterator[Lease | None]:
        """Holds a run for this worker. Gives None where another worker holds it, on any machine that shares the folder.

        Where the process is killed, the lock becomes free; workers on other machines may see this only after
        ``lease.DEAD_SECONDS``. The holder must call ``read`` again before training.
        """
        path, reach = self.path(run, "cache/locks", ".lock"), file_system_of(self.root.resolve()).reach
        with claim(path, reach) as lease:
            if lease is not None and reach is not Reach.MACHINE:
                look_anew(self.path(run).parent)  # another machine may have recorded the run a moment ago
            yield lease
            if lease is not None and self.has_record(run):
                lease.remove()
                path.unlink(missing_ok=True)

    def holder(self, run: Run) -> Holder | None:
        """Who trains a run now; None where nobody does."""
        return holder_of(self.path(run, "cache/locks", ".lock"))
