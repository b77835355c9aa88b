"""Adds a run's record together with its files (curve, gates, weights, boxes), so that all come from the same training.

First the files are written beside their places, under hidden names with their digests. Then the record is added. Only
if that succeeds are the files moved into their places. The record holds their digests, so that files of another process
are recognised. If a process is killed in between, ``tidy`` does the rest.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records import lease
from senet_lab.records.files import remove_file, remove_parts, replace_file, write_once
from senet_lab.records.reading import is_file, list_folder, read_bytes
from senet_lab.records.record import FileDigests, Record, refuse_invalid, to_json
from senet_lab.records.store import Store
from senet_lab.study.cell import Run

# The files of a run by their names in FileDigests: folder and suffix.
PLACES: Mapping[str, tuple[str, str]] = {
    "curve": ("curves", ".csv"),
    "gates": ("curves", ".gates.csv"),
    "weights": ("cache/weights", ".safetensors"),
    "boxes": ("cache/boxes", ".npz"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """The content of the files that belong to a run beside its record; None for a file that it does not have."""

    curve: bytes | None = None
    gates: bytes | None = None
    weights: bytes | None = None
    boxes: bytes | None = None

    def digests(self) -> FileDigests:
        """The digests of the files, for the record."""
        return FileDigests(**{name: _digest(getattr(self, name)) for name in PLACES})


@dataclass(frozen=True, slots=True)
class Recorded:
    """The run's record after ``publish``. taken: False where another process had recorded the run before."""

    record: Record
    taken: bool


def publish(store: Store, record: Record, files: RunFiles) -> Recorded:
    """Adds a record with its files. Where the run has a record already, that one and its files stay as they are.

    Raises RecordError, before anything is written, for a record that could not be read again. Raises OSError where
    something cannot be written; then nothing is in its place, and the call may be repeated.
    """
    record = dataclasses.replace(record, files=files.digests())
    return adopt(store, record, to_json(record), files)


def adopt(store: Store, record: Record, text: str, files: RunFiles) -> Recorded:
    """Does the same as ``publish`` with the text of an existing record, which need not hold its files' digests."""
    refuse_invalid(text)
    standing = store.read(record.run)
    if standing is not None:
        return Recorded(standing, taken=False)
    for name in PLACES:
        data = getattr(files, name)
        if data is not None:
            replace_file(_waiting(store, record.run, name, data), data)
    taken = write_once(store.path(record.run), text)
    standing = record if taken else store.read(record.run)
    assert standing is not None
    put_in_place(store, standing, files.digests() if taken else None)
    return Recorded(standing, taken)


def complete(store: Store, record: Record, files: RunFiles) -> list[str]:
    """Adds the files that an existing record lacks, and returns their names."""
    given = [name for name in PLACES if getattr(files, name) is not None]
    absent = [name for name in given if not is_file(file_of(store, record.run, name))]
    for name in absent:
        replace_file(file_of(store, record.run, name), getattr(files, name))
    return absent


def put_in_place(store: Store, record: Record, digests: FileDigests | None = None) -> None:
    """Moves the waiting files of an existing record into their places, and removes those of other processes.

    digests: the digests of its files, for a record that may not hold them.
    """
    for name in PLACES:
        digest = getattr(digests or record.files, name)
        if digest is not None:
            _move(_waiting_name(store, record.run, name, digest), file_of(store, record.run, name))
        for other in _all_waiting(store, record.run, name):
            remove_file(other)


def file_of(store: Store, run: Run, name: str) -> Path:
    """The path of one of a run's files, by its name in FileDigests."""
    return store.path(run, *PLACES[name])


def read_file(store: Store, record: Record, name: str) -> bytes | None:
    """The content of one of a run's files; None where it is not there.

    Raises StudyError where its digest is not the one in the record.
    """
    place = file_of(store, record.run, name)
    data, digest = read_bytes(place), getattr(record.files, name)
    if data is not None and digest is not None and _digest(data) != digest:
        kept = PLACES[name][0].startswith("cache/")
        mend = "copy the right one from where the run was trained, or move it away" if kept else "restore it from git"
        raise StudyError(f"{place} is not the file that its record names; {mend}")
    return data


def tidy(store: Store, runs: Iterable[Run]) -> None:
    """Cleans up after killed processes.

    Half-written files are removed. For recorded runs, waiting files are moved into their places, and checkpoints, marks
    of broken runs and locks are removed. Everything of runs without a record stays.
    """
    remove_parts(store.root)
    for run in runs:
        if not store.has_record(run):
            continue
        if any(_all_waiting(store, run, name) for name in PLACES):
            record = store.read(run)
            assert record is not None
            put_in_place(store, record)
        remove_file(store.path(run, "cache/checkpoints", ".safetensors"))
        remove_file(broken_path(store, run))
        if store.holder(run) is None:
            lock = store.path(run, "cache/locks", ".lock")
            lease.remove(lock)
            remove_file(lock)


def broken_path(store: Store, run: Run) -> Path:
    """The file in which a worker notes why a run broke (``senet_lab.records.status``)."""
    return store.path(run, "cache/broken", ".txt")


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _waiting(store: Store, run: Run, name: str, data: bytes) -> Path:
    return _waiting_name(store, run, name, hashlib.sha256(data).hexdigest())


def _waiting_name(store: Store, run: Run, name: str, digest: str) -> Path:
    place = file_of(store, run, name)
    return place.with_name(f".{place.name}.{digest[:16]}.waiting")


def _all_waiting(store: Store, run: Run, name: str) -> list[Path]:
    place = file_of(store, run, name)
    pattern = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{16}}\.waiting")
    return [path for path in list_folder(place.parent, hidden=True) or [] if pattern.fullmatch(path.name)]


def _move(waiting: Path, place: Path) -> None:
    try:
        waiting.replace(place)
    except FileNotFoundError:  # another process was faster, or the file is in its place already
        return
