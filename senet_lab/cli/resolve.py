"""Trains a table seed by seed until its comparisons are settled, by a plan that keeps its error rate over the looks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from senet_lab.records.record import Record
from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.records.store import Store
from senet_lab.study import Run, Table
from senet_lab.study.claim import Claim
from senet_lab.study.table import runs_of

MOST_SEEDS = 10  # where none are named
Train = Callable[[tuple[Run, ...]], object]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop at the latest. side_by_side: how many runs train at once, to tell what fits into the hours."""

    most_seeds: int
    max_hours: float | None
    side_by_side: int


def train_until_resolved(
    table: Table, claims: Sequence[Claim], root: Path, limits: Limits, train: Train, say: Say
) -> int:
    """Trains seed after seed the rows whose comparisons are open, and looks after each; returns how many remain open.

    Another seed is begun only where it fits into the hours by the time of the runs before. Raises StudyError where
    the table was begun with another plan, and what ``train`` raises.
    """
    from senet_lab.report.views import view_name
    from senet_lab.stats.difference import SIGNIFICANCE
    from senet_lab.stats.paired_runs import PairedRuns
    from senet_lab.stats.verdicts import family_of, settled

    plan = begin_plan(
        root,
        SequentialPlan(
            table=table.slug,
            protocol=view_name(table),
            most_seeds=limits.most_seeds,
            level=SIGNIFICANCE,
        ),
    )
    family = family_of(table, claims)
    cells = {cell for _, *pair in family.values() for cell in pair}
    begun, store = time.monotonic(), Store(root)

    def look_at_records() -> tuple[list[Record], list[str]]:
        """The records of the family, and the names of the comparisons that they leave open."""
        records = store.read_cells(cells)
        done = settled(family, PairedRuns(records), plan)
        return records, [name for name in family if name not in done]

    records, left = look_at_records()
    for look in plan.looks():
        runs = runs_of((cell for name in left for cell in family[name][1:]), look)
        missing = store.missing(runs)
        if not missing:
            continue
        if not _fits(missing, records, limits, time.monotonic() - begun):
            say(f"{len(missing)} runs for {look} seeds do not fit into {limits.max_hours:g} hours; stopped before them")
            break
        say(f"look at {look} seeds: {len(left)} of {len(family)} comparisons are open")
        train(runs)
        records, left = look_at_records()
    say(f"{len(family) - len(left)} of {len(family)} comparisons are settled, {len(left)} are open")
    return len(left)


def _fits(missing: Sequence[Run], records: Sequence[Record], limits: Limits, elapsed: float) -> bool:
    if limits.max_hours is None:
        return True
    took = [record.provenance.train_seconds for record in records]
    rounds = -(-len(missing) // limits.side_by_side)
    return elapsed + rounds * (mean(took) if took else 0.0) <= 3600 * limits.max_hours
