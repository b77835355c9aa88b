"""What a family of comparisons is judged by: its measured differences, and runs that lie far from the others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import Difference
from senet_lab.stats.families import Compared, Family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.seed_noise import far_runs
from senet_lab.study.cell import Run

ByName = Mapping[str, Difference | None]  # by the comparison's name; None where it has no data


@dataclass(frozen=True, slots=True)
class Measured:
    """The differences of a family.

    of_all_seeds: over the seeds that both rows have. at_looks: over the seeds of each look of a sequential plan, by
    their number; empty without a plan.
    """

    family: Family
    of_all_seeds: ByName
    at_looks: Mapping[int, ByName]

    def difference(self, one: Compared) -> Difference | None:
        """The difference over all seeds, in the order of ``one``; None where there are no data."""
        found = self.of_all_seeds[one.name]
        return found and turned(found, self.family.comparisons[one.name], one)


def measure_family(family: Family, runs: PairedRuns, plan: SequentialPlan | None) -> Measured:
    """The measured differences of a family, over all seeds and at the looks of a plan."""
    return Measured(
        family,
        {
            name: runs.difference(one.cell, one.than, family.rows, less=one.less)
            for name, one in family.comparisons.items()
        },
        {look: _at_look(family, runs, plan, look) for look in plan.looks()} if plan else {},
    )


def _at_look(family: Family, runs: PairedRuns, plan: SequentialPlan, look: int) -> ByName:
    found: dict[str, Difference | None] = {}
    for name, one in family.comparisons.items():
        seeds = runs.seeds_of_look(one.cells, plan.first_seed, look)
        pool = family.rows if plan.pools else ()
        there = seeds is not None and seeds[-1] <= plan.last_seed
        found[name] = runs.difference(one.cell, one.than, pool, seeds, one.less) if there else None
    return found


def turned(difference: Difference, of: Compared, one: Compared) -> Difference:
    """The difference that was measured for ``of``, with its sign for ``one``, which compares the same two cells.

    The sign is reversed where ``one`` has the two cells in the other order.
    """
    return difference if one.cell.key == of.cell.key else replace(difference, value=0.0 - difference.value)


def runs_far_from_others(family: Family, runs: PairedRuns) -> tuple[Run, ...]:
    """The runs whose error lies far from the value that the table's other runs predict."""
    cells, seeds = runs.widest_block(family.rows)
    if len(cells) < 2 or len(seeds) < 2:
        return ()
    return tuple(Run(cell=cells[k], seed=seeds[s]) for k, s in far_runs(runs.errors(cells, seeds)))
