"""The health of a network's gates after an epoch, block by block: a CSV file beside the curve of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from senet_lab.records.checked_files import csv_text, read_csv
from senet_lab.records.publish import file_of, read_file
from senet_lab.records.record import Record
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.study.se import Gate

# A gate below the first number, or from the second number on, counts as saturated. For a ReLU the second number is only
# a threshold: a ReLU has no upper end.
SATURATED = {
    Gate.SIGMOID: (0.05, 0.95),
    Gate.TANH: (-0.95, 0.95),
    Gate.RELU: (0.05, 0.95),
    Gate.DOUBLE_SIGMOID: (0.1, 1.9),
}
CONSTANT = 0.001  # a block whose gates have a smaller spread over images treats every image alike
WARNING = "constant over images"
MEND = "restore it from git, or delete it: the record does not need it"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateHealth:
    """One block after one epoch, over all evaluation images.

    mean: the mean gate. spread: the standard deviation over the images, then the mean over the channels. share_low,
    share_high: the shares of gates that are saturated at the lower and at the upper end (SATURATED), from 0 to 1.
    """

    epoch: int  # from 1
    block: str
    mean: float
    spread: float
    share_low: float
    share_high: float

    @property
    def warning(self) -> str:
        """The warning about the block; empty where there is none."""
        return WARNING if self.spread < CONSTANT else ""


COLUMNS = (*(field.name for field in fields(GateHealth)), "warning")


def gates_path(run: Run, store: Store) -> Path:
    """The path of a run's file of gates."""
    return file_of(store, run, "gates")


def gates_csv(gates: Sequence[GateHealth]) -> bytes | None:
    """The content of a run's file; None for a network without gates."""
    if not gates:
        return None
    return csv_text(COLUMNS, ({**asdict(one), "warning": one.warning} for one in gates)).encode()


def constant_blocks(record: Record, store: Store) -> list[str]:
    """The blocks that were constant over images after the last epoch; empty where there is no file.

    Raises StudyError for a damaged file, or one of another run.
    """
    read_file(store, record, "gates")
    try:
        lines = read_csv(gates_path(record.run, store), COLUMNS, MEND)
    except FileNotFoundError:
        return []
    return [line["block"] for line in lines if line["epoch"] == lines[-1]["epoch"] and line["warning"]]


def newly_constant(gates: Iterable[GateHealth], before: Iterable[GateHealth]) -> list[GateHealth]:
    """The entries with a warning whose block had no warning in ``before``."""
    known = {one.block for one in before if one.warning}
    return [one for one in gates if one.warning and one.block not in known]
