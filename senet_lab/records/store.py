"""Records on disk: ``<root>/records/<protocol>/<key>/seed-<n>.json``, with curves beside them.

Files appear whole, once, or not at all. Locks, checkpoints and weights lie in ``<root>/cache``, outside git.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from senet_lab.records.file_system import FileSystem, claim, file_system_of, refuse_unwritable
from senet_lab.records.files import Unreadable, folders_in, is_file, list_folder, read_bytes, write_once
from senet_lab.records.lease import Holder, Lease, holder_of
from senet_lab.records.record import INVALID, Record, RecordError, from_json, protocol_in, refuse_invalid, to_json
from senet_lab.study.cell import Cell, Run
from senet_lab.study.protocol import Protocol

RECORD_NAME = re.compile(r"seed-(\d+)\.json")
WRITTEN = ("records", "curves", "cache/locks", "cache/checkpoints", "cache/weights", "cache/boxes", "cache/logs")


@dataclass(frozen=True, slots=True)
class Store:
    """One place for records.

    Whatever reads here raises RecordError for a record that cannot be believed, and Unreadable where a file or folder
    is there that cannot be read: neither is taken for a run that was not made.
    """

    root: Path

    def path(self, run: Run, folder: str = "records", suffix: str = ".json") -> Path:
        """The file of a run in one of the store's folders."""
        return self.root / folder / run.cell.protocol.name / run.cell.key / f"seed-{run.seed}{suffix}"

    def read(self, run: Run) -> Record | None:
        """The record of a run, or None where there is none."""
        path = self.path(run)
        data = read_bytes(path)
        return None if data is None else self._record(path, data)

    def read_file(self, path: Path) -> Record:
        """The record in one of ``record_files``."""
        return self._read(path)

    def read_cells(self, cells: Iterable[Cell]) -> list[Record]:
        """The records of these cells, in order; nothing else is read."""
        folders = {self.root / "records" / cell.protocol.name / cell.key for cell in cells}
        return [self._read(path) for folder in sorted(folders) for path in self._record_files(folder)]

    def read_named(self, key: str) -> list[Record]:
        """The records of the cells whose key begins so, in order; nothing else is read."""
        folders = [folder for folder in self._cell_folders() if folder.name.startswith(key)]
        return [self._read(path) for folder in folders for path in self._record_files(folder)]

    def record_files(self) -> list[Path]:
        """The file of every record, in order, unread."""
        return [path for folder in self._cell_folders() for path in self._record_files(folder)]

    def read_all(self) -> list[Record]:
        """Every record, in order. A store may hold thousands: what needs some cells only asks for these."""
        return [self._read(path) for path in self.record_files()]

    def protocols(self) -> list[Protocol]:
        """The protocols that have records, each as it was when they were made, by name and version.

        Of each cell one record is looked into, and only what it says of its protocol.
        """
        firsts = (next(iter(self._record_files(folder)), None) for folder in self._cell_folders())
        found = {self._protocol(path): None for path in firsts if path is not None}
        return sorted(found, key=lambda protocol: (protocol.name, protocol.version))

    def _protocol(self, path: Path) -> Protocol:
        try:
            return protocol_in(read_bytes(path) or b"")
        except INVALID:
            return self._read(path).run.cell.protocol  # which says what is wrong

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
        """Raises RecordError for a record that lies where another run's belongs."""
        if path != self.path(record.run):
            raise RecordError(f"{path} is the record of another run; move it to where its key and seed say")

    def missing(self, runs: Iterable[Run]) -> list[Run]:
        """The runs without a record, in order. A damaged one is not trained over: it raises."""
        return [run for run in runs if self.read(run) is None]

    def has_record(self, run: Run) -> bool:
        """Whether a file is in a record's place."""
        return is_file(self.path(run))

    def write(self, record: Record) -> bool:
        """Adds a record; False where another stands, and then that one goes on to stand.

        Raises StudyError for a record that could not be read again, before anything is written.
        ``senet_lab.records.publish`` adds a record together with its curve, gates and weights.
        """
        text = to_json(record)
        refuse_invalid(text)
        return write_once(self.path(record.run), text)

    def prepare(self) -> FileSystem:
        """Makes ready for training, and returns what the file system can do.

        Raises StudyError where something cannot be written that a run writes, before it is trained.
        """
        refuse_unwritable([self.root, *(self.root / name for name in WRITTEN)], self.root)
        return file_system_of(self.root.resolve())

    @contextlib.contextmanager
    def lock(self, run: Run) -> Iterator[Lease | None]:
        """Holds a run; None where another worker does, on this machine or another that shares the folder.

        It ends with its process, however that ends. Who holds it asks ``read`` again before training.
        """
        path = self.path(run, "cache/locks", ".lock")
        with claim(path, file_system_of(self.root.resolve()).reach) as lease:
            yield lease
            if lease is not None and self.has_record(run):
                lease.remove()
                path.unlink(missing_ok=True)

    def holder(self, run: Run) -> Holder | None:
        """Who trains a run now; None where nobody does."""
        return holder_of(self.path(run, "cache/locks", ".lock"))
