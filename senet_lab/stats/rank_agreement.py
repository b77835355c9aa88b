"""Compares the measured order of a table's rows with the published one, by a test for each pair of rows.

Every pair of rows with different published errors is tested like any other paired difference. Holm's adjustment over
the pairs keeps the probability of any false answer below 5 %. Kendall's tau of the means is given as a description. It
has no interval, since bootstrap intervals do not cover the true order with few seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy import stats

from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import SIGNIFICANCE, Difference, holm, p_above, p_below
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.table import Row, Table

FEWEST_ROWS = 3


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """How the measured order of rows agrees with the published one.

    tau_b: Kendall's tau of the means over all ``seeds``: 1 for the published order, -1 for the reverse. rows, pairs:
    how many were compared. in_order, against: how many pairs a test puts in the published order, or in the reverse.
    tested_seeds: the number of seeds in the tests; 0 where nothing is tested yet.
    """

    tau_b: float
    rows: int
    seeds: int
    tested_seeds: int
    pairs: int
    in_order: int
    against: int

    @property
    def undecided(self) -> int:
        """How many pairs have an order that no test decides."""
        return self.pairs - self.in_order - self.against


def agreement_of(
    runs: PairedRuns, table: Table, published: Mapping[str, float], plan: SequentialPlan | None = None
) -> RankAgreement | None:
    """The agreement of orders over the rows that are both published and measured.

    published: the printed numbers, by the rows' labels. Under a sequential plan the number of seeds depends on the
    results, so the pairs are tested only once, at the plan's last look. None where nothing can be compared: fewer than
    three rows, several protocols, no common seed, or all numbers equal.
    """
    rows = [row for row in table.rows if row.label in published and runs.seeds(row.cell)]
    cells = [row.cell for row in rows]
    seeds = runs.common_seeds(cells) if len(rows) >= FEWEST_ROWS else ()
    if not seeds:
        return None
    means = runs.errors(cells, seeds).mean(axis=1)
    tau = round(float(stats.kendalltau([published[row.label] for row in rows], means).statistic), 12)
    if math.isnan(tau):
        return None
    tested = seeds if plan is None else runs.seeds_of_look(cells, plan.first_seed, plan.most_seeds) or ()
    tested = tested if len(tested) > 1 else ()
    pairs = [(a, b) for a, b in combinations(rows, 2) if published[a.label] != published[b.label]]
    signs = _signs(pairs, runs, table, tested) if tested else []
    wanted = [math.copysign(1, published[a.label] - published[b.label]) for a, b in pairs]
    agree = [sign * want for sign, want in zip(signs, wanted, strict=False)]
    return RankAgreement(tau, len(rows), len(seeds), len(tested), len(pairs), agree.count(1), agree.count(-1))


def _signs(pairs: Sequence[tuple[Row, Row]], runs: PairedRuns, table: Table, seeds: Sequence[int]) -> list[int]:
    """The sign of each pair's difference, 1 or -1, where a test decides it; else 0."""
    pool = table.cells
    found = {f"{i}": runs.difference(a.cell, b.cell, pool, seeds) for i, (a, b) in enumerate(pairs)}
    adjusted = holm({name: 1.0 if d is None else _two_sided(d) for name, d in found.items()})
    return [
        0 if d is None or adjusted[name] >= SIGNIFICANCE else int(math.copysign(1, d.value))
        for name, d in found.items()
    ]


def _two_sided(difference: Difference) -> float:
    return min(1.0, 2 * min(p_below(difference), p_above(difference)))
