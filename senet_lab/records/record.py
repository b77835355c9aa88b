"""The record of one run, and its JSON.

Top-1 and top-5 correctness is kept image by image, because comparisons are paired over images.

**A new fact.** Give ``Provenance`` (where and how) or ``Record`` (what was measured) a field with a default, and say
the schema that it came with: ``cpu_flags: tuple[str, ...] = field(default=(), metadata=since(2))``. That is all.
Writing, reading and checking follow from the field's type: str, int, float, bool, an enumeration, a tuple, a
``dict[str, ...]``, another such dataclass, or one of these and None. Records without the fact stay valid and take the
default.
``senet_lab.study.values`` says the same of the fields of a cell.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.records.image_bits import ImageBits
from senet_lab.study.cell import Cell, Run, UnknownFields, fields_from_plain, from_plain, to_plain
from senet_lab.study.protocol import Protocol
from senet_lab.study.values import FIRST_SCHEMA, left_out, schema_of, since

SCHEMA = 2  # the newest that is read here; a record says the lowest that knows all of its fields


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    FAILED = "failed"  # its loss was no longer finite


class RecordError(StudyError):
    """A record that cannot be believed."""

    exit_status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPart:
    """Steps of a run that were trained under the same circumstances; a run that went on under others has several."""

    steps: int
    revision: str
    dirty: bool
    device: str
    cpu: str  # of the machine, also where the device is another
    cpu_flags: tuple[str, ...]  # vector instructions; a CPU run's last bits depend on them
    threads: int
    executor: str
    compiled: bool
    versions: dict[str, str]
    processes: int = field(default=1, metadata=since(2))  # that shared each batch
    batch_norm_images: int = field(default=0, metadata=since(2))  # over which batch norm ran; 0: the batch
    extensions: dict[str, str] = field(default_factory=dict, metadata=since(2))  # SHA-256 of a user's own code, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and how a run was made. None of it is part of the key: a difference here is speed, not science.

    Revision, device, threads, executor and versions are those that finished it; ``parts`` has those of every step.
    """

    revision: str  # of senet_lab's git repository, "unknown" outside one
    dirty: bool  # whether the working tree differed from it
    device: str
    threads: int  # CPU threads of the run
    executor: str
    compiled: bool
    versions: dict[str, str]
    data_sha256: dict[str, str]  # by split
    train_seconds: float
    finished_at: str  # UTC, ISO 8601
    skipped_photos: int = field(default=0, metadata=since(2))  # damaged training photos that were left out
    parts: tuple[TrainedPart, ...] = field(default=(), metadata=since(2))  # in order; none in records of schema 1

    @property
    def revisions(self) -> tuple[str, ...]:
        """Every revision that trained a part, in order: ten digits, and "+changes" where the tree differed from it."""
        made = self.parts or (self,)
        return tuple(dict.fromkeys(part.revision[:10] + "+changes" * part.dirty for part in made))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigests:
    """SHA-256 of the files that belong to a run; None where it has no such file."""

    curve: str | None = None
    gates: str | None = None
    weights: str | None = None  # outside git, so often not there though the record is


NO_FILES = FileDigests()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One finished or failed run. Errors are percentages at the final epoch; None where the run failed.

    best_top1_error_pct is the minimum over epochs on the evaluation images: selected on what it is measured on.
    """

    run: Run
    status: Status
    failure: str | None
    top1_error_pct: float | None
    top5_error_pct: float | None
    best_top1_error_pct: float | None
    correct_top1: ImageBits | None
    correct_top5: ImageBits | None
    trainable: int
    multiply_adds: int
    provenance: Provenance
    files: FileDigests = field(default=NO_FILES, metadata=since(2))


INVALID = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # what a damaged text can raise
_OWN_FORM = ("run", "correct_top1", "correct_top5")  # fields that the JSON says otherwise than by their type
_MEASURED = ("images", "correct_top1", "correct_top5", "top1_error_pct", "top5_error_pct", "best_top1_error_pct")


def to_json(record: Record) -> str:
    """The text of a record's file: sorted keys, one fact a line, with a digest over all the rest."""
    body: dict[str, Any] = {
        "schema": schema_of(record),
        "key": record.run.cell.key,
        "seed": record.run.seed,
        "cell": to_plain(record.run.cell, prose=True),
        "images": None if record.correct_top1 is None else len(record.correct_top1),
        "correct_top1": None if record.correct_top1 is None else record.correct_top1.base64(),
        "correct_top5": None if record.correct_top5 is None else record.correct_top5.base64(),
    }
    for one in dataclasses.fields(record):
        value = getattr(record, one.name)
        if one.name not in _OWN_FORM and not left_out(one, value):
            body[one.name] = to_plain(value)
    body["digest"] = _digest(body)
    return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def from_json(text: str, path: str) -> Record:
    """The record in a file's text.

    Raises RecordError, naming the path and what to do, where a byte was changed, the text was cut, its parts contradict
    each other, or a later version wrote it.
    """
    try:
        return _parsed(text)
    except UnknownFields as error:
        raise RecordError(f"{path} was written by a later version ({error}); update senet_lab") from None
    except INVALID as error:
        raise RecordError(
            f"{path} is no valid record ({error}); restore it from git, or delete it and train that run again"
        ) from None


def refuse_invalid(text: str) -> None:
    """Raises RecordError for a text that could not be read again: to be called before it is written."""
    try:
        _parsed(text)
    except INVALID as error:
        raise RecordError(f"what was measured makes no valid record ({error}); nothing is recorded") from None


def scientific_digest(record: Record) -> str:
    """SHA-256 over what was measured and on what, without how and when: runs with equal bits have equal ones."""
    body = json.loads(to_json(record))
    for name in ("schema", "digest", "files", "provenance"):
        body.pop(name, None)
    body["cell"] = to_plain(record.run.cell)
    return _digest(body | {"data_sha256": record.provenance.data_sha256})


def _parsed(text: str) -> Record:
    body = json.loads(text)
    schema = body["schema"]
    if type(schema) is not int or schema < FIRST_SCHEMA:
        raise ValueError(f"schema {schema!r}")
    if schema > SCHEMA:
        raise UnknownFields(f"schema {schema}, known here are 1 to {SCHEMA}")
    if body.pop("digest") != _digest(body):
        raise ValueError("its digest does not fit its content")
    return _from_body(body)


def _from_body(body: dict[str, Any]) -> Record:
    cell = _cell_of(json.dumps(body.pop("cell"), sort_keys=True))
    if cell.key != body.pop("key"):
        raise ValueError("its key is not that of its cell")
    _refuse_contradictions(body)
    del body["schema"]
    images = body.pop("images")
    bits: dict[str, Any] = {
        name: None if text is None else ImageBits.from_base64(text, images)
        for name, text in ((name, body.pop(name)) for name in ("correct_top1", "correct_top5"))
    }
    for found, name in ((bits["correct_top1"], "top1_error_pct"), (bits["correct_top5"], "top5_error_pct")):
        if found is not None and found.error_pct != body[name]:
            raise ValueError(f"{name} is not that of its images")
    run = Run(cell=cell, seed=body.pop("seed"))
    return Record(run=run, **bits, **fields_from_plain(Record, body, without=_OWN_FORM))


def protocol_in(data: bytes) -> Protocol:
    """The protocol that a record's file names; whether the rest can be believed is not asked. Raises INVALID errors."""
    return _protocol_of(json.dumps(json.loads(data)["cell"]["protocol"], sort_keys=True))


@lru_cache(maxsize=4096)
def _cell_of(text: str) -> Cell:
    return from_plain(Cell, json.loads(text))


@lru_cache(maxsize=256)
def _protocol_of(text: str) -> Protocol:
    return from_plain(Protocol, json.loads(text))


def _refuse_contradictions(body: dict[str, Any]) -> None:
    failed = body["status"] == Status.FAILED
    if body["status"] not in tuple(Status) or failed != isinstance(body["failure"], str):
        raise ValueError(f"status {body['status']!r} with failure {body['failure']!r}")
    for name in _MEASURED:
        if (body[name] is None) != failed:
            raise ValueError(f"a {body['status']} run with {name} {body[name]!r}"[:100])
    for name in ("seed", "trainable", "multiply_adds"):
        if type(body[name]) is not int or body[name] < 0:
            raise ValueError(f"{name} is {body[name]!r}")
    if not failed and (type(body["images"]) is not int or body["images"] < 1):
        raise ValueError("no images")


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
