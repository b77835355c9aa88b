"""The curve of a run, epoch by epoch: a CSV file beside its record."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import csv_text, number, read_csv
from senet_lab.records.publish import file_of, read_file
from senet_lab.records.record import Record
from senet_lab.records.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One epoch of a run. The test columns are measured on the evaluation split after the epoch."""

    epoch: int  # from 1
    learning_rate: float  # at the epoch's last step
    train_loss: float  # mean over the batches, with label smoothing where the protocol has it
    train_top1_error_pct: float  # on the augmented images, during training
    test_loss: float
    test_top1_error_pct: float
    test_top5_error_pct: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorPoint:
    """One epoch of a detector. Detectors are evaluated only after the last epoch, so there are no test columns."""

    epoch: int  # from 1
    learning_rate: float  # at the epoch's last step
    train_loss: float  # mean over the batches
    seconds: float


Point = CurvePoint | DetectorPoint
MEND = "restore it from git, or delete it: the record does not need it"
COLUMNS = tuple(field.name for field in fields(CurvePoint))
DETECTOR_COLUMNS = tuple(field.name for field in fields(DetectorPoint))
LOSSES = ("train_loss", "test_loss")  # these may be infinite or NaN, when a network diverges


def curve_csv(curve: Sequence[Point]) -> bytes:
    """The content of a curve's file."""
    columns = DETECTOR_COLUMNS if curve and isinstance(curve[0], DetectorPoint) else COLUMNS
    return csv_text(columns, map(asdict, curve)).encode()


def curve_of(record: Record, store: Store) -> list[CurvePoint]:
    """The curve of errors of a recorded run; empty where it has no file, and for a detector.

    Raises the StudyErrors of ``read_curve``, and StudyError where the file belongs to another run.
    """
    read_file(store, record, "curve")
    if record.run.cell.protocol.detection is not None:
        return []
    return read_curve(file_of(store, record.run, "curve")) or []


def read_curve(path: Path) -> list[CurvePoint] | None:
    """The points of a curve, one for each epoch from 1 on; None where there is no file.

    Raises StudyError with the line where a field is not a number or an epoch is missing.
    """
    try:
        lines = read_csv(path, COLUMNS, MEND)
    except FileNotFoundError:
        return None
    curve = []
    for epoch, line in enumerate(lines, start=1):
        try:
            numbers = {name: float(text) if name in LOSSES else number(text) for name, text in line.items()}
            if numbers["epoch"] != epoch:
                raise ValueError(f"epoch {line['epoch']} stands where epoch {epoch} belongs")
        except ValueError as error:
            raise StudyError(f"{path}, line {epoch + 1}: {error}; {MEND}") from None
        curve.append(CurvePoint(epoch=epoch, **{name: numbers[name] for name in COLUMNS if name != "epoch"}))
    return curve
