"""The record of one run, and its JSON.

Top-1 and top-5 correctness is kept image by image, as packed bits in the canonical order of the data set, because
comparisons are paired over images.
"""

import base64
import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import StudyError
from senet_lab.study.cell import Cell, Run, from_plain, to_plain

SCHEMA = 1
FINISHED, FAILED = "finished", "failed"


class RecordError(StudyError):
    """A record that cannot be believed."""

    exit_status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and how a run was made. None of it is part of the key: a difference here is speed, not science."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One finished or failed run. Errors are percentages at the final epoch; None where the run failed.

    best_top1_error_pct is the minimum over epochs on the evaluation images: selected on what it is measured on.
    correct_top1, correct_top5: bool, one entry an evaluation image.
    """

    run: Run
    status: str
    failure: str | None
    top1_error_pct: float | None
    top5_error_pct: float | None
    best_top1_error_pct: float | None
    correct_top1: NDArray[np.bool_] | None
    correct_top5: NDArray[np.bool_] | None
    trainable: int
    multiply_adds: int
    provenance: Provenance


def pack_bits(correct: NDArray[np.bool_]) -> str:
    """Base64 of the packed bits, the first image in the highest bit."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack_bits(text: str, n: int) -> NDArray[np.bool_]:
    """The n entries that ``pack_bits`` packed; raises ValueError where the text holds another number."""
    packed = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    if len(packed) != -(-n // 8):
        raise ValueError(f"{len(packed) * 8} bits for {n} images")
    return np.unpackbits(packed, count=n).astype(np.bool_)


def to_json(record: Record) -> str:
    """The text of a record's file: sorted keys, one fact a line, with a digest over all the rest."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "key": record.run.cell.key,
        "seed": record.run.seed,
        "cell": to_plain(record.run.cell, prose=True),
        "status": record.status,
        "failure": record.failure,
        "images": None if record.correct_top1 is None else len(record.correct_top1),
        "correct_top1": None if record.correct_top1 is None else pack_bits(record.correct_top1),
        "correct_top5": None if record.correct_top5 is None else pack_bits(record.correct_top5),
        "provenance": dataclasses.asdict(record.provenance),
    }
    for name in ("top1_error_pct", "top5_error_pct", "best_top1_error_pct", "trainable", "multiply_adds"):
        body[name] = getattr(record, name)
    body["digest"] = _digest(body)
    return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def from_json(text: str, path: str) -> Record:
    """The record in a file's text.

    Raises RecordError, naming the path and what to do, where a byte was changed, the text was cut, or its parts
    contradict each other.
    """
    try:
        body = json.loads(text)
        if body["schema"] != SCHEMA:
            raise ValueError(f"schema {body['schema']} is not known to this version")
        if body.pop("digest") != _digest(body):
            raise ValueError("its digest does not fit its content")
        return _from_body(body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordError(
            f"{path} is no valid record ({error}); restore it from git, or delete it and train that run again"
        ) from None


def _from_body(body: dict[str, Any]) -> Record:
    cell = from_plain(Cell, body["cell"])
    if cell.key != body["key"]:
        raise ValueError("its key is not that of its cell")
    _refuse_contradictions(body)
    n = body["images"]
    top1, top5 = (None if n is None else unpack_bits(body[name], n) for name in ("correct_top1", "correct_top5"))
    for bits, name in ((top1, "top1_error_pct"), (top5, "top5_error_pct")):
        if bits is not None and error_pct(bits) != body[name]:
            raise ValueError(f"{name} is not that of its images")
    return Record(
        run=Run(cell=cell, seed=body["seed"]),
        correct_top1=top1,
        correct_top5=top5,
        provenance=Provenance(**body["provenance"]),
        **{
            name: body[name]
            for name in (
                "status",
                "failure",
                "top1_error_pct",
                "top5_error_pct",
                "best_top1_error_pct",
                "trainable",
                "multiply_adds",
            )
        },
    )


def _refuse_contradictions(body: dict[str, Any]) -> None:
    measured = ("images", "correct_top1", "correct_top5", "top1_error_pct", "top5_error_pct", "best_top1_error_pct")
    if body["status"] not in (FINISHED, FAILED) or (body["status"] == FAILED) != isinstance(body["failure"], str):
        raise ValueError(f"status {body['status']!r} with failure {body['failure']!r}")
    for name in measured:
        if (body[name] is None) != (body["status"] == FAILED):
            raise ValueError(f"a {body['status']} run with {name} {body[name]!r}"[:100])
    for name in ("seed", "trainable", "multiply_adds"):
        if type(body[name]) is not int or body[name] < 0:
            raise ValueError(f"{name} is {body[name]!r}")
    if body["images"] == 0:
        raise ValueError("no images")


def error_pct(correct: NDArray[np.bool_]) -> float:
    """The error in percent, of whole images, to four decimals."""
    return round(100 * (1 - int(correct.sum()) / len(correct)), 4)


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
