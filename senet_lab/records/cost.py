"""Estimates what runs cost from existing records, for plans, for the page of runs not made, and for time limits.

The estimate is the mean time of the recorded runs of the same network and protocol on the same machine. Where there are
none, it is scaled from other runs on that machine by training images times multiply-adds; the text then says so.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import mean
from typing import Any

from senet_lab.records.provenance import TrainedPart
from senet_lab.records.record import Record, Status
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.study.counts import Counts, network_key

WIDEST = {  # vector instructions of x86 by their flags, the widest first
    "amx_bf16": " with AMX",
    "avx512_bf16": " with AVX-512 and bf16",
    "avx512f": " with AVX-512",
    "avx2": " with AVX2 alone",
}


class Basis(StrEnum):
    """Which records an estimate is from."""

    OWN = "runs of the same network and protocol"
    PROTOCOL = "scaled by images and multiply-adds from other networks under the same protocol"
    SCALED = "scaled by images and multiply-adds from runs under other protocols"


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated time of one run on the model's machine."""

    seconds: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class Total:
    """The time of several runs, one after another, on ``machine``.

    seconds: None where the time of a run is unknown. scaled: how many runs have an estimate that is scaled from runs of
    other networks or protocols.
    """

    runs: int
    seconds: float | None
    scaled: int
    machine: str


class CostModel:
    """Estimates the time of runs on one machine, from records.

    counts: the counts of networks without a record, by ``network_key``. machine: the machine; None for the one that
    made most of the records.
    """

    def __init__(self, records: Iterable[Record], counts: Mapping[str, Counts], machine: str | None = None) -> None:
        self._records = list(records)
        finished = [record for record in self._records if record.status is not Status.FAILED]
        machines = Counter(machine_of(record) for record in finished)
        self._machines = sorted(machines, key=lambda name: (-machines[name], name))
        self.machine = machine or next(iter(self._machines), "no machine yet")
        self._counts = counts
        self._multiply_adds = {network_key(record.run.cell): record.multiply_adds for record in self._records}
        self._here = [record for record in finished if machine_of(record) == self.machine and _at_one_place(record)]
        self._own: dict[str, list[float]] = {}
        for record in self._here:
            self._own.setdefault(record.run.cell.key, []).append(record.provenance.train_seconds)
        names = {record.run.cell.protocol.name for record in self._here}
        self._rates = {name: self._rate(name) for name in names}
        self._real_rate = self._rate(None)

    def elsewhere(self) -> "list[CostModel]":
        """A model for each other machine that made records."""
        others = [name for name in self._machines if name != self.machine]
        return [self.on(name) for name in others]

    def on(self, machine: str) -> "CostModel":
        """The model for another machine. It has no estimates where that machine made no records."""
        return CostModel(self._records, self._counts, machine)

    def estimate(self, run: Run) -> Estimate | None:
        """The time of a run; None where no record allows an estimate, or where its network was never counted."""
        own = self._own.get(run.cell.key)
        if own:
            return Estimate(mean(own), Basis.OWN)
        work = self._work(run)
        if work is None:
            return None
        for rate, basis in (
            (self._rates.get(run.cell.protocol.name), Basis.PROTOCOL),
            (self._real_rate, Basis.SCALED),
        ):
            if rate is not None:
                return Estimate(work * rate, basis)
        return None

    def total(self, runs: Iterable[Run]) -> Total:
        """The time of these runs together."""
        found = [self.estimate(run) for run in runs]
        known = [estimate for estimate in found if estimate is not None]
        seconds = sum(estimate.seconds for estimate in known) if len(known) == len(found) else None
        return Total(len(found), seconds, sum(e.basis is not Basis.OWN for e in known), self.machine)

    def _rate(self, protocol: str | None) -> float | None:
        """Seconds for one multiply-add of one training image; None where there is no such run.

        protocol: the name of the protocol whose runs are used; None for all runs on real data.
        """
        used = [
            r.run.cell.protocol.name == protocol if protocol else not r.run.cell.protocol.synthetic for r in self._here
        ]
        records = [record for record, use in zip(self._here, used, strict=True) if use]
        work = sum(self._work(record.run) or 0.0 for record in records)
        return sum(record.provenance.train_seconds for record in records) / work if work else None

    def _work(self, run: Run) -> float | None:
        """All training images of a run times the multiply-adds for one image; None where they were never counted."""
        network = network_key(run.cell)
        counts = self._counts.get(network)
        multiply_adds = self._multiply_adds.get(network) if counts is None else counts.multiply_adds
        if multiply_adds is None:
            return None
        protocol = run.cell.protocol
        images = protocol.epochs * protocol.steps_per_epoch * protocol.batch_size
        return float(images * multiply_adds) * protocol.relative_work


def machine_of(record: Record) -> str:
    """The machine that made a record, as ``machine_name`` names it."""
    made = record.provenance
    return _machine_of_part(made.parts[-1]) if made.parts else machine_name(made.device, made.threads)


def _machine_of_part(part: TrainedPart) -> str:
    flags = part.cpu_flags if part.cpu == part.device else ()
    return machine_name(part.device, part.threads, part.processes, flags)


def _at_one_place(record: Record) -> bool:
    """Whether all of a run was trained on one machine, so that its time is that machine's."""
    return len({_machine_of_part(part) for part in record.provenance.parts}) < 2


def machine_name(device: str, threads: int, processes: int = 1, cpu_flags: Collection[str] = ()) -> str:
    """A machine in words: its device, CPU threads, and the processes that share each batch where there are several.

    cpu_flags: the vector instructions where the device is a CPU. The widest are named, since processors of one name
    differ in them, and in speed severalfold.
    """
    together = f", {processes} processes together" if processes > 1 else ""
    widest = next((words for flag, words in WIDEST.items() if flag in cpu_flags), "")
    return f"{device}{widest} ({threads} thread{'s' * (threads != 1)}{together})"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a plan.

    status: the status of its record; None without a record. seconds: the time that it took, or an estimate; None where
    unknown. basis: which records an estimate is from; None for a recorded run.
    """

    run: Run
    status: str | None
    seconds: float | None
    basis: Basis | None

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON values."""
        cell = self.run.cell
        return {
            "backbone": cell.backbone,
            "protocol": cell.protocol.name,
            "key": cell.key,
            "seed": self.run.seed,
            "status": self.status or "not run",
            "train_seconds": self.seconds,
            "estimated_from": self.basis,
        }


def planned(runs: Iterable[Run], store: Store, model: CostModel) -> list[PlannedRun]:
    """The runs, each with the status of its record or, without a record, with the model's estimate.

    Raises RecordError for a damaged record.
    """
    lines = []
    for run in runs:
        record = store.read(run)
        if record is not None:
            lines.append(PlannedRun(run, record.status, record.provenance.train_seconds, None))
        else:
            estimate = model.estimate(run)
            lines.append(PlannedRun(run, None, *((estimate.seconds, estimate.basis) if estimate else (None, None))))
    return lines


def cost_of(lines: Sequence[PlannedRun], model: CostModel) -> str:
    """One line with the number of missing runs, and their cost one after another on each machine that made records."""
    missing = [line.run for line in lines if line.status is None]
    text = f"{len(missing)} of {len(lines)} runs are not recorded"
    if not missing:
        return text
    others = [model.total(missing) for model in model.elsewhere()]
    hours = [f"; about {one.seconds / 3600:.2f} on {one.machine}" for one in others if one.seconds is not None]
    return f"{text}: {time_text(model.total(missing), missing)}{''.join(hours)}"


def time_text(total: Total, runs: Sequence[Run] = ()) -> str:
    """The time of some runs in words. runs: where the time is unknown, their training steps are told instead."""
    if total.seconds is None:
        steps = sum(run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch for run in runs)
        in_steps = f"{steps:,} steps of training; " if runs else ""
        return f"{in_steps}no record allows an estimate of their time yet"
    hours = f"about {total.seconds / 3600:.2f} hours of one worker on {total.machine}"
    if not total.scaled:
        return f"{hours}, by {Basis.OWN}"
    return f"{hours}; {total.scaled} of them scaled by images and multiply-adds from other runs there"
