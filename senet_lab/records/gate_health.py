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

# Below the first and from the second on, a gate counts as saturated (of a ReLU only the first end is one).
SATURATED = {Gate.SIGMOID: (0.05, 0.95), Gate.TANH: (-0.95, 0.95), Gate.RELU: (0.05, 0.95)}
CONSTANT = 0.001  # of the gate's unit; below this spread a block does the same for every image
WARNING = "constant over images"
# Below the first and from the second on, a gate counts as saturated (of a ReLU only the first end is one).
SATURATED = {Gate.SIGMOID: (0.05, 0.95), Gate.TANH: (-0.95, 0.95), Gate.RELU: (0.05, 0.95)}
MEND = "restore it from git, or delete it: the record does not need it"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateHealth:
    """One block after one epoch, over all evaluation images.

    spread: standard deviation over the images, mean over the channels. share_low, share_high: of gates that are
    saturated: below 0.05 and from 0.95 on; of a tanh, below -0.95 and from 0.95 on.
    """

    epoch: int  # from 1
    block: str
    mean: float
    spread: float
    share_low: float
    share_high: float

    @property
    def warning(self) -> str:
        """What is wrong with it, or nothing."""
        return WARNING if self.spread < CONSTANT else ""


COLUMNS = (*(field.name for field in fields(GateHealth)), "warning")


def gates_path(run: Run, store: Store) -> Path:
    """Where a run's file lies."""
    return file_of(store, run, "gates")


def gates_csv(gates: Sequence[GateHealth]) -> bytes | None:
    """The file of a run; None for a network without gates."""
    if not gates:
        return None
    return csv_text(COLUMNS, ({**asdict(one), "warning": one.warning} for one in gates)).encode()


def constant_blocks(record: Record, store: Store) -> list[str]:
    """The blocks that were constant over images after the last epoch; none where there is no file.

    Raises StudyError for a file that is not whole, or is another run's.
    """
    read_file(store, record, "gates")
    try:
        lines = read_csv(gates_path(record.run, store), COLUMNS, MEND)
    except FileNotFoundError:
        return []
    return [line["block"] for line in lines if line["epoch"] == lines[-1]["epoch"] and line["warning"]]


def newly_constant(gates: Iterable[GateHealth], before: Iterable[GateHealth]) -> list[GateHealth]:
    """Those with a warning whose block had none in ``before``."""
    known = {one.block for one in before if one.warning}
    return [one for one in gates if one.warning and one.block not in known]
