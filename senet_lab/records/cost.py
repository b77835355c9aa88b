"""What is missing, and what it costs by the records there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from senet_lab.records.store import Store
from senet_lab.study.cell import Run


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a plan. status: of its record, None where there is none. seconds: what it took, or an estimate."""

    run: Run
    status: str | None
    seconds: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        cell = self.run.cell
        return {
            "backbone": cell.backbone,
            "protocol": cell.protocol.name,
            "key": cell.key,
            "seed": self.run.seed,
            "status": self.status or "not run",
            "train_seconds": self.seconds,
        }


def planned(runs: Iterable[Run], root: Path) -> list[PlannedRun]:
    """The runs with their records' status; for those without one, the mean time of their protocol's records here.

    Raises RecordError for a record that cannot be believed.
    """
    store = Store(root)
    records = [(run, store.read(run)) for run in runs]
    took = [record.provenance.train_seconds for _, record in records if record is not None and record.failure is None]
    estimate = mean(took) if took else None
    return [
        PlannedRun(run, record.status, record.provenance.train_seconds) if record else PlannedRun(run, None, estimate)
        for run, record in records
    ]


def cost_of(lines: Sequence[PlannedRun]) -> str:
    """One line: how many runs are missing and what they cost, one after another on the recorded device."""
    missing = [line for line in lines if line.status is None]
    text = f"{len(missing)} of {len(lines)} runs are not recorded"
    if not missing:
        return text
    if missing[0].seconds is None:
        protocol = missing[0].run.cell.protocol
        steps = sum(line.run.cell.protocol.epochs * line.run.cell.protocol.steps_per_epoch for line in missing)
        return f"{text}: {steps:,} steps of batch {protocol.batch_size}; nothing recorded yet to tell their time by"
    hours = sum(line.seconds or 0.0 for line in missing) / 3600
    return f"{text}: about {hours:.2f} hours of one worker, by the time of those recorded"
