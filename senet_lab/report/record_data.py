"""A record as numbers with their units, for programs: what ``show --json`` prints."""

import csv
import io
import math
from typing import Any

from senet_lab.records.checked_files import read_json
from senet_lab.records.publish import read_file
from senet_lab.records.record import Record, scientific_digest
from senet_lab.records.store import Store
from senet_lab.report.record_facts import MEND, path_below
from senet_lab.report.table_data import COUNT, PERCENT
from senet_lab.study.cell import to_plain

SECONDS = "s"


def record_data(record: Record, store: Store) -> dict[str, Any]:
    """The record as JSON values, without its answers image by image. Errors are those of the final epoch.

    Raises FileNotFoundError where the record's file is gone, and StudyError where its curve belongs to another run.
    """
    made, cell = record.provenance, record.run.cell
    return {
        "key": cell.key,
        "seed": record.run.seed,
        "status": record.status,
        "failure": record.failure,
        "cell": to_plain(cell, prose=True),
        "param_count": _number(record.trainable, COUNT),
        "multiply_adds": _number(record.multiply_adds, COUNT),
        "images": _number(None if record.correct_top1 is None else len(record.correct_top1), COUNT),
        "top1_err": _number(record.top1_error_pct, PERCENT),
        "top5_err": _number(record.top5_error_pct, PERCENT),
        "best_top1_err": _number(record.best_top1_error_pct, PERCENT),
        **_of_detector(record),
        "train_time": _number(made.train_seconds, SECONDS),
        "provenance": to_plain(made),
        "files": to_plain(record.files),
        "file": str(path_below(store, record)),
        "digest": read_json(store.path(record.run), MEND)["digest"],
        "digest_of_what_was_measured": scientific_digest(record),
        "curve": _curve(read_file(store, record, "curve")),
    }


def _of_detector(record: Record) -> dict[str, Any]:
    """AP and the number of boxes found; empty for a classifier."""
    found = record.precision
    if found is None:
        return {}
    names = ("ap_pct", "ap50_pct", "ap75_pct", "ap_small_pct", "ap_medium_pct", "ap_large_pct")
    return {name.removesuffix("_pct"): _number(getattr(found, name), PERCENT) for name in names} | {
        "images": _number(found.photos, COUNT),
        "boxes": _number(found.boxes, COUNT),
    }


def _curve(data: bytes | None) -> list[dict[str, float | None]]:
    """The curve, a dictionary for each epoch. A value that is not finite is None."""
    lines = csv.DictReader(io.StringIO((data or b"").decode()))
    values = ({name: float(text) for name, text in line.items()} for line in lines)
    return [{name: value if math.isfinite(value) else None for name, value in line.items()} for line in values]


def _number(value: float | None, unit: str) -> dict[str, Any] | None:
    return None if value is None else {"value": value, "unit": unit}
