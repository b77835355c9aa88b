"""What a family of comparisons is judged by: its measured differences, and runs that lie far from the others."""

from collections.abc import Iterable, Mapping
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
    """The differences of a family. of_all_seeds: over the seeds that both rows have."""

    family: Family
    runs: PairedRuns
    of_all_seeds: ByName

    def difference(self, one: Compared) -> Difference | None:
        """The difference over all seeds, in the order of ``one``; None where there are no data."""
        found = self.of_all_seeds[one.name]
        return found and turned(found, self.family.comparisons[one.name], one)

    def at_look(self, plan: SequentialPlan, look: int, settled: Iterable[str]) -> ByName:
        """The differences that are tested at a look of a plan, over its seeds; none while a run of the look is missing.

        look: the look's number of seeds. settled: the names of the comparisons that earlier looks decided. They are not
        tested again. The spread over seeds is estimated from the rows whose open comparisons have the same seeds.
        Where a seed failed, the next replaces it. So no run that is added after a look changes what it found.
        Plans before version 3 test all comparisons at every look, with the runs that are there.
        """
        if not plan.leaves_out_settled:
            return self._at_look_of_older(plan, look)
        compared = {name: one for name, one in self.family.comparisons.items() if name not in settled}
        seeds = {
            name: self.runs.wanted_seeds(one.cells, plan.first_seed, plan.last_seed, look)
            for name, one in compared.items()
        }
        if not all(self.runs.finished(one.cells, seeds[name]) for name, one in compared.items()):
            return {}
        cells: dict[tuple[int, ...], set[str]] = {}
        for name, one in compared.items():
            cells.setdefault(seeds[name], set()).update(cell.key for cell in one.cells)
        found: dict[str, Difference | None] = {}
        for name, one in compared.items():
            pool = [row for row in self.family.rows if row.key in cells[seeds[name]]]
            whole = len(seeds[name]) == look
            found[name] = self.runs.difference(one.cell, one.than, pool, seeds[name], one.less) if whole else None
        return found

    def _at_look_of_older(self, plan: SequentialPlan, look: int) -> ByName:
        """The differences at a look of a plan of version 1 or 2."""
        found: dict[str, Difference | None] = {}
        for name, one in self.family.comparisons.items():
            seeds = self.runs.seeds_of_look(one.cells, plan.first_seed, look)
            there = seeds is not None and seeds[-1] <= plan.last_seed
            pool = self.family.rows if plan.pools else ()
            found[name] = self.runs.difference(one.cell, one.than, pool, seeds, one.less) if there else None
        return found


def measure_family(family: Family, runs: PairedRuns) -> Measured:
    """The measured differences of a family."""
    compared = family.comparisons.items()
    return Measured(
        family,
        runs,
        {name: runs.difference(one.cell, one.than, family.rows, less=one.less) for name, one in compared},
    )


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
