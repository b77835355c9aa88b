"""Trains more and more seeds of a table until its comparisons are settled.

The comparisons are tested several times, at the looks of a sequential plan. The plan divides the allowed chance of a
false verdict over the looks.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from senet_lab.cli.catalogue import RESULTS
from senet_lab.errors import StudyError
from senet_lab.records.cost import CostModel
from senet_lab.records.record import Record
from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.records.store import Store
from senet_lab.study import Run, Table
from senet_lab.study.claim import Claim

if TYPE_CHECKING:
    from senet_lab.stats.families import Compared
    from senet_lab.stats.paired_runs import PairedRuns

MOST_SEEDS = 10  # where none are named
Train = Callable[[tuple[Run, ...], float | None], object]  # the runs, and the minutes that are left for them
CostOf = Callable[[Sequence[Run]], CostModel]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop at the latest.

    side_by_side: how many runs train at once; it tells how many fit into max_hours. cost_of: a model of what runs cost
    on this machine; None takes the records of the table. clock: tells the time in seconds.
    """

    most_seeds: int
    max_hours: float | None
    side_by_side: int
    cost_of: CostOf | None = None
    clock: Callable[[], float] = time.monotonic


class _Clock:
    """Keeps training within ``limits.max_hours`` from now on."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.begun = limits, limits.clock()

    def fits(self, missing: Sequence[Run], records: Sequence[Record]) -> bool:
        """Whether these runs end in time, as far as their time is known. records: of the table, for the usual model."""
        if self.limits.max_hours is None:
            return True
        model = self.limits.cost_of(missing) if self.limits.cost_of else CostModel(records, {})
        found = [estimate.seconds for run in missing if (estimate := model.estimate(run)) is not None]
        rounds = -(-len(missing) // self.limits.side_by_side)
        return rounds * (mean(found) if found else 0.0) <= self._left(self.limits.max_hours)

    def train(self, missing: Sequence[Run], train: Train) -> bool:
        """Trains these runs. False where the hours were over, or too few to start another, before all had ended."""
        from senet_lab.training.stopping import Paused

        hours = self.limits.max_hours
        try:
            train(tuple(missing), None if hours is None else self._left(hours) / 60)
        except Paused as error:
            if hours is None or error.by_signal:
                raise
            return False
        return True

    def _left(self, hours: float) -> float:
        return self.begun + 3600 * hours - self.limits.clock()


def train_until_resolved(
    table: Table, claims: Sequence[Claim], root: Path, limits: Limits, train: Train, say: Say
) -> int:
    """Adds seeds to the rows whose comparisons are open, and tests the comparisons at each look of the plan.

    Returns how many comparisons remain open. The runs for a look are begun only where they fit into
    ``limits.max_hours``, and where their time is not known they end when the hours are over. Raises StudyError
    where the table was begun with another plan, and what ``train`` raises.
    """
    from senet_lab.stats.families import family_of
    from senet_lab.stats.measured import measure_family
    from senet_lab.stats.paired_runs import PairedRuns
    from senet_lab.stats.verdicts import decisions

    family, store = family_of(table, claims), Store(root)
    cells = (*family.rows, *family.cells)

    def look_at_records() -> tuple[list[Record], PairedRuns]:
        records = store.read_cells(cells)
        return records, PairedRuns(records)

    records, runs = look_at_records()
    seen = [record.run.seed for record in (*records, *Store(RESULTS).read_cells(cells))]
    plan = _begun(table, tuple(sorted(family.comparisons)), limits, root, seen)
    if plan.first_seed:
        say(f"the plan's looks begin with seed {plan.first_seed}: earlier records enter intervals, not verdicts")
    clock, total = _Clock(limits), len(family.comparisons)
    done = decisions(measure_family(family, runs), plan)
    for look in plan.looks():
        left = [one for name, one in family.comparisons.items() if name not in done]
        while missing := store.missing(_runs_of_look(left, runs, plan, look)):
            if not clock.fits(missing, records):
                say(f"{len(missing)} runs for {look} seeds do not fit into {limits.max_hours:g} hours; stopped before")
                return _said(total, len(left), say)
            say(f"look at {look} seeds: {len(left)} of {total} comparisons are open")
            if not clock.train(missing, train):
                say(f"the {limits.max_hours:g} hours are over; what was trained is saved, and the same command goes on")
                return _said(total, len(left), say)
            records, runs = look_at_records()
            if all(store.read(run) is None for run in missing):
                raise StudyError(f"none of {len(missing)} runs of {table.name} left a record; see what they said above")
        done = decisions(measure_family(family, runs), plan)
    return _said(total, total - len(done), say)


def _begun(table: Table, compares: tuple[str, ...], limits: Limits, root: Path, seen: list[int]) -> SequentialPlan:
    from senet_lab.report.views import view_name
    from senet_lab.stats.difference import SIGNIFICANCE

    plan = SequentialPlan(
        table=table.slug,
        protocol=view_name(table),
        most_seeds=limits.most_seeds,
        level=SIGNIFICANCE,
        compares=compares,
    )
    return begin_plan(root, plan, seen)


def _said(total: int, left: int, say: Say) -> int:
    say(f"{total - left} of {total} comparisons are settled, {left} are open")
    return left


def _runs_of_look(left: "Iterable[Compared]", runs: "PairedRuns", plan: SequentialPlan, look: int) -> tuple[Run, ...]:
    """The runs that a look at the open comparisons needs. Where a seed failed in a row, the next replaces it."""
    wanted: dict[tuple[str, int], Run] = {}
    for one in left:
        seeds = runs.wanted_seeds(one.cells, plan.first_seed, plan.last_seed, look)
        for cell in one.cells:
            wanted |= {(cell.key, seed): Run(cell=cell, seed=seed) for seed in seeds}
    return tuple(sorted(wanted.values(), key=lambda run: run.seed))
