"""The seeds, runs and device time that are needed to settle the comparisons of a table, judged by its records."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from senet_lab.errors import StudyError
from senet_lab.records.cost import CostModel, Total
from senet_lab.records.record import Record
from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import Difference
from senet_lab.stats.families import Compared, Family, family_of
from senet_lab.stats.measured import measure_family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.power_analysis import Design, Spread, limit_of_images, pilot_spread, seeds_needed
from senet_lab.stats.verdicts import decisions
from senet_lab.study.cell import Run
from senet_lab.study.claim import Claim, ComparedPart, Directed
from senet_lab.study.table import Table


class Obstacle(StrEnum):
    """Why a comparison is left out of the plan."""

    IMAGES = "images"  # no number of seeds is enough on these images
    SEEDS = "seeds"  # it needs more than MOST_SEEDS seeds
    UPPER_LIMIT = "upper limit"  # MOST_SEEDS are enough by the pilot's spread, but not by its upper limit
    HOURS = "hours"  # it would take longer than the user allows
    SETTLED = "settled"  # the plan that was begun has its verdict


@dataclass(frozen=True, slots=True)
class Need:
    """One comparison and the seeds that it needs.

    now: the difference so far. seeds, upper_seeds: the seeds of a plan that settles it with 80 % power, by the pilot's
    spread and by the spread's upper limit; None where 50 are not enough. cost: the cost of the missing runs up to
    upper_seeds. obstacle: why the comparison is left out of the plan; None where it is in it. best: the smallest
    difference or margin that these images can settle, in points.
    """

    part: ComparedPart
    now: Difference | None
    seeds: int | None
    upper_seeds: int | None
    cost: Total
    obstacle: Obstacle | None
    best: float


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of all comparisons of a table under a protocol.

    pilot: the table whose runs give the spread. elsewhere: whether its records are the project's, because the folder
    of the plan has too few. first_seed: the first seed that a plan counts; earlier records may have
    been seen before the plan. plan_seeds: the most seeds of the plan that was begun; None where there is none.
    cost: the cost of all comparisons in the plan, where shared runs count once.
    """

    table: str
    protocol: str
    pilot: str
    elsewhere: bool
    design: Design
    spread: Spread
    first_seed: int
    plan_seeds: int | None
    cost: Total
    comparisons: tuple[Need, ...]


def needs_of(
    table: Table,
    claims: Sequence[Claim],
    records: Sequence[Record],
    model: CostModel,
    resolve: float,
    max_hours: float | None,
    plan: SequentialPlan | None = None,
    pilot: Table | None = None,
    seen: Iterable[Record] = (),
) -> Needs:
    """The seeds that the comparisons of a table under one protocol need.

    resolve: the difference in points that tests should find. max_hours: comparisons that take more hours of one worker
    are left out. plan: the sequential plan that the table was begun with, if any. pilot: another table under the same
    protocol, whose rows are taken to scatter as those of ``table`` do; None takes the spread from ``table`` itself.
    seen: the project's records, where ``records`` are of another folder. A new plan begins after them as well, and they
    give the spread where ``records`` cannot.

    Raises StudyError where no two rows of the pilot share two seeds yet, since then the spread over seeds is unknown,
    where the pilot has another protocol, and for a ``resolve`` that is not above zero.
    """
    if not resolve > 0:
        raise StudyError(f"--resolve is {resolve:g}; it must be a difference above 0 points")
    family, runs, seen = family_of(table, claims), PairedRuns(records), list(seen)
    spread, elsewhere = _spread(pilot or table, table, claims, (runs, PairedRuns(seen)))
    done = _recorded(family, records)
    first = plan.first_seed if plan else max((seed + 1 for _, seed in done | _recorded(family, seen)), default=0)
    design = Design(len(family.rows), len(family.comparisons), resolve)
    settled = frozenset(decisions(measure_family(family, runs), plan)) if plan else frozenset()
    planner, compared = _Planner(spread, design, model, first, done, max_hours, settled), family.comparisons.values()
    needs = [planner.need(one, runs, family) for one in compared]
    wanted = {
        (run.cell.key, run.seed): run
        for one, need in zip(compared, needs, strict=True)
        if need.obstacle is None
        for run in planner.missing(one, need.upper_seeds)
    }
    return Needs(
        table=table.name,
        protocol=table.paper_protocol.name,
        pilot=(pilot or table).name,
        elsewhere=elsewhere,
        design=design,
        spread=spread,
        first_seed=first,
        plan_seeds=plan.most_seeds if plan else None,
        cost=model.total(wanted.values()),
        comparisons=tuple(needs),
    )


def _recorded(family: Family, records: Iterable[Record]) -> set[tuple[str, int]]:
    """The key and seed of each record of the family's cells."""
    keys = {cell.key for cell in (*family.rows, *family.cells)}
    return {(record.run.cell.key, record.run.seed) for record in records if record.run.cell.key in keys}


def _spread(pilot: Table, table: Table, claims: Sequence[Claim], sources: Sequence[PairedRuns]) -> tuple[Spread, bool]:
    """The spread of the pilot's rows, which may be those of the table itself, by the first source that can tell.

    Also returns whether another source than the first gave it.
    """
    family = family_of(pilot, claims)
    if pilot.paper_protocol != table.paper_protocol:
        raise StudyError(
            f"{pilot.name} has another protocol ({pilot.paper_protocol.name}) than {table.name} "
            f"({table.paper_protocol.name}), so its spread says nothing about it"
        )
    for number, runs in enumerate(sources):
        if (found := pilot_spread(runs, family)) is not None:
            return found, number > 0
    raise StudyError(
        f"{pilot.name} has no two compared rows with two equal seeds under {pilot.paper_protocol.name}, so nothing is "
        "known of the spread over seeds; train a pilot first: --seeds 2, or take another table's: --pilot TABLE"
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    spread: Spread
    design: Design
    model: CostModel
    first_seed: int
    done: set[tuple[str, int]]
    max_hours: float | None
    settled: Set[str]

    def need(self, one: Compared, runs: PairedRuns, family: Family) -> Need:
        # A verdict pools the rows of one protocol, which are not all of a table's where its rows have several.
        pooled = {cell.key for cell in (*family.rows, *one.cells) if cell.protocol == one.cell.protocol}
        design = replace(self.design, rows=len(pooled))
        seeds = seeds_needed(one.part, self.spread, design)
        upper = seeds_needed(one.part, self.spread.upper, design)
        best = limit_of_images(one.part, self.spread, design.comparisons)
        cost = self.model.total(() if one.name in self.settled else self.missing(one, upper))
        obstacle = None
        if one.name in self.settled:
            obstacle = Obstacle.SETTLED
        elif seeds is None:
            wanted = self.design.resolve if isinstance(one.part, Directed) else one.part.margin
            obstacle = Obstacle.IMAGES if best > wanted else Obstacle.SEEDS
        elif upper is None:
            obstacle = Obstacle.UPPER_LIMIT
        elif self.max_hours is not None and (cost.seconds or 0.0) > 3600 * self.max_hours:
            obstacle = Obstacle.HOURS
        now = runs.difference(one.cell, one.than, family.rows, less=one.less)
        return Need(one.part, now, seeds, upper, cost, obstacle, best)

    def missing(self, one: Compared, seeds: int | None) -> Iterable[Run]:
        """The runs of a comparison with this number of seeds that are not recorded."""
        for seed in range(self.first_seed, self.first_seed + (seeds or 0)):
            for cell in one.cells:
                if (cell.key, seed) not in self.done:
                    yield Run(cell=cell, seed=seed)
