"""The curve of a run, epoch by epoch, read from the file beside its record."""

from dataclasses import fields
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import number, read_csv
from senet_lab.records.store import CurvePoint

MEND = "restore it from git, or delete it: the record does not need it"
COLUMNS = tuple(field.name for field in fields(CurvePoint))
LOSSES = ("train_loss", "test_loss")  # a network that diverges can have any


def read_curve(path: Path) -> list[CurvePoint] | None:
    """One point an epoch, from epoch 1 on; None where there is no file.

    Raises StudyError with the line where a field is no number or an epoch is missing.
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
