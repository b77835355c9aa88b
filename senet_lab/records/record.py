"""The record of one run, and its JSON.

Top-1 and top-5 correctness is kept image by image, because comparisons are paired over images.

**How to add a fact.** Give ``Provenance`` (where and how) or ``Record`` (what was measured) a field with a default, and
name the schema that introduces it: ``cpu_flags: tuple[str, ...] = field(default=(), metadata=since(2))``. Writing,
reading and checking follow from the field's type: str, int, float, bool, an enumeration, a tuple, a ``dict[str, ...]``,
another such dataclass, or one of these or None. Records without the fact stay valid and take the default.
``senet_lab.study.values`` explains the same for the fields of a cell.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from senet_lab.errors import INVALID, StudyError
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.precision import AveragePrecision
from senet_lab.records.provenance import Provenance as Provenance
from senet_lab.records.provenance import TrainedPart as TrainedPart
from senet_lab.study.cell import Cell, Run, UnknownFields, fields_from_plain, from_plain, to_plain
from senet_lab.study.measure import measure_of
from senet_lab.study.protocol import Protocol
from senet_lab.study.values import FIRST_SCHEMA, left_out, schema_of, since

SCHEMA = 3  # the newest schema that can be read; a record is written with the oldest that has all of its fields


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    FAILED = "failed"  # its loss was no longer finite


class RecordError(StudyError):
    """A record is damaged, or contradicts itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigests:
    """SHA-256 of the files that belong to a run; None where it has no such file.

    Weights and boxes are outside git, so a clone has the record without them.
    """

    curve: str | None = None
    gates: str | None = None
    weights: str | None = None
    boxes: str | None = field(default=None, metadata=since(3))


NO_FILES = FileDigests()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One finished or failed run.

    failure: why the run failed; None where it finished. Errors are percentages at the final epoch; None where the run
    failed. A detector has ``precision`` instead of errors. best_top1_error_pct: the minimum over epochs on the
    evaluation images, which is biased because it is selected on the same images. correct_top1, correct_top5: one bit
    for each evaluation image. trainable: weights and biases. multiply_adds: for one image. files: the digests of the
    run's files.
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
    precision: AveragePrecision | None = field(default=None, metadata=since(3))

    @property
    def first(self) -> float | None:
        """The number that rows are compared by (``study.measure``), in percent: top-1 error, or AP.

        None where the run failed.
        """
        return self.precision.ap_pct if self.precision else self.top1_error_pct

    @property
    def second(self) -> float | None:
        """The second number, in percent: top-5 error, or AP at an overlap of 0.5. None where the run failed."""
        return self.precision.ap50_pct if self.precision else self.top5_error_pct

    @property
    def text(self) -> str:
        """How the run ended, in a few words."""
        if self.first is None:
            return f"failed: {self.failure}"
        return f"{measure_of(self.run.cell.protocol).first.words} {self.first:.2f} %"


_OWN_FORM = ("run", "correct_top1", "correct_top5")  # fields with a form of their own in the JSON
_MEASURED = ("images", "correct_top1", "correct_top5", "top1_error_pct", "top5_error_pct", "best_top1_error_pct")


def to_json(record: Record) -> str:
    """The text of a record's file: sorted keys, one fact per line, and a digest of everything else."""
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

    Raises RecordError with the path and a remedy where a byte was changed, the text was cut, its parts contradict each
    other, or a later version wrote it.
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
    """Raises RecordError for a text that could not be read again. Call it before the text is written."""
    try:
        _parsed(text)
    except INVALID as error:
        raise RecordError(f"what was measured makes no valid record ({error}); nothing is recorded") from None


def scientific_digest(record: Record) -> str:
    """SHA-256 of the cell, the seed, the data and the results, without circumstances and times.

    Two runs with equal bits have equal digests.
    """
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
    _refuse_contradictions(body, detects=cell.protocol.detection is not None)
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
    """The protocol in the content of a record's file. The rest is not checked. Raises one of INVALID."""
    return _protocol_of(json.dumps(json.loads(data)["cell"]["protocol"], sort_keys=True))


@lru_cache(maxsize=4096)
def _cell_of(text: str) -> Cell:
    return from_plain(Cell, json.loads(text))


@lru_cache(maxsize=256)
def _protocol_of(text: str) -> Protocol:
    return from_plain(Protocol, json.loads(text))


def _refuse_contradictions(body: dict[str, Any], detects: bool) -> None:
    failed = body["status"] == Status.FAILED
    if body["status"] not in tuple(Status) or failed != isinstance(body["failure"], str):
        raise ValueError(f"status {body['status']!r} with failure {body['failure']!r}")
    for name in (*_MEASURED, "precision"):
        if (body.get(name) is None) != (failed or detects == (name != "precision")):
            raise ValueError(f"a {body['status']} run with {name} {body[name]!r}"[:100])
    for name in ("seed", "trainable", "multiply_adds"):
        if type(body[name]) is not int or body[name] < 0:
            raise ValueError(f"{name} is {body[name]!r}")
    if not failed and not detects and (type(body["images"]) is not int or body["images"] < 1):
        raise ValueError("no images")


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
