"""How many seeds a plan needs to settle a comparison, from what pilot runs tell of the spread over seeds.

Power is the probability that one of the looks of a sequential plan (records/sequential.py) gives a verdict in the true
direction: what ``train --until-resolved`` does is what is planned for. Paths of p-values are drawn from the spread, by
a fixed stream, so that a plan can be repeated; one set of paths serves plans of every length.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senet_lab.records.sequential import FIRST_LOOK, SequentialPlan
from senet_lab.stats.difference import SIGNIFICANCE, half_step_variance, tails
from senet_lab.stats.families import Family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.seed_noise import FEWEST_ROWS, POOLED_SEEDS, residuals, seed_noise
from senet_lab.study.claim import Comparison, Directed, Equivalent

POWER = 0.8
MOST_SEEDS = 50
PATHS = 1_000  # a power of 80 % is known to 1.3 %
NODES = 64
UPPER = 0.8  # confidence of the upper limit of a pilot's spread

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """The variances of a paired difference, in squared points. seeds: of one seed, what seeds and images do together
    included; images: of the whole set of evaluation images. freedom: the degrees of freedom that tell ``seeds``."""

    seeds: float
    images: float
    freedom: int

    @property
    def upper(self) -> "Spread":
        """The same with the 80 % upper limit of what the seeds do, as a pilot of few seeds may have seen too little."""
        return replace(self, seeds=self.seeds * self.freedom / float(stats.chi2.ppf(1 - UPPER, self.freedom)))


def pilot_spread(runs: PairedRuns, family: Family) -> Spread | None:
    """The spread that the differences of a family have in common; None where no two of its rows share two seeds."""
    cells, seeds = runs.widest_block((*family.rows, *family.cells))
    freedom = (len(cells) - 1) * (len(seeds) - 1)
    if freedom < 1:
        return None
    keys = {cell.key for cell in cells}
    pairs = [c for c in family.comparisons.values() if {c.cell.key, c.than.key} <= keys]
    found = [d for one in pairs if (d := runs.difference(one.cell, one.than, seeds=seeds)) is not None]
    if not found:
        return None
    squares = float((residuals(runs.errors(cells, seeds)) ** 2).sum())
    images = math.fsum(d.image_variance for d in found) / len(found)
    return Spread(2 * squares / freedom + half_step_variance(found[0].images), images, freedom)


class Kind(StrEnum):
    """What a part says."""

    LOWER = "lower"
    NOT_WORSE = "not worse"
    EQUIVALENT = "equivalent"


def _kind(part: Comparison) -> Kind:
    if isinstance(part, Directed):  # which way makes no difference
        return Kind.LOWER
    return Kind.EQUIVALENT if isinstance(part, Equivalent) else Kind.NOT_WORSE


@dataclass(frozen=True, slots=True)
class Design:
    """What is planned for: the rows of a table, the comparisons of its family, and the difference in points that a
    ``Lower`` should see."""

    rows: int
    comparisons: int
    resolve: float


def powers(part: Comparison, spread: Spread, design: Design) -> dict[int, float]:
    """The power of plans of 2 to 50 seeds, at the first step of Holm's adjustment.

    For ``Lower`` the true difference is taken to be ``resolve`` points; for statements of equality or of being no
    worse it is taken to be zero, and their margin is what is tested.
    """
    distance = design.resolve if isinstance(part, Directed) else part.margin
    p_Pn = _paths(_kind(part), distance, spread, design.rows) * design.comparisons
    return {most: float(_found(p_Pn, _plan(most)).mean()) for most in range(FIRST_LOOK, MOST_SEEDS + 1)}


def seeds_needed(part: Comparison, spread: Spread, design: Design) -> int | None:
    """The smallest most seeds of a plan with 80 % power; None where 50 are not enough."""
    return next((most for most, power in powers(part, spread, design).items() if power >= POWER), None)


def limit_of_images(part: Comparison, spread: Spread, comparisons: int) -> float:
    """The smallest true difference (for ``Lower``) or margin, in points, that any number of seeds could settle with 80
    % power on these evaluation images, in one test."""
    level = SIGNIFICANCE / comparisons
    one_sided = level / 2 if isinstance(part, Directed) else level
    miss = (1 - POWER) / 2 if isinstance(part, Equivalent) else 1 - POWER
    return math.sqrt(spread.images) * float(stats.norm.isf(one_sided) + stats.norm.isf(miss))


@lru_cache(maxsize=MOST_SEEDS)
def _plan(most: int) -> SequentialPlan:
    return SequentialPlan(table="", protocol="", most_seeds=most, level=SIGNIFICANCE)


def _found(p_Pn: Floats, plan: SequentialPlan) -> NDArray[np.bool_]:
    """Whether a path gets its verdict at any look, P."""
    looks = plan.looks()
    levels = np.array([plan.level_at(look) for look in looks])
    found: NDArray[np.bool_] = np.less(p_Pn[:, looks], levels).any(axis=1)
    return found


@lru_cache(maxsize=32)
def _paths(kind: Kind, distance: float, spread: Spread, rows: int) -> Floats:
    """The p-value for a part after every number of seeds, PATHS x 51; 1 below two seeds.

    The first two rows are compared; the others only tell the spread over seeds.
    """
    random = np.random.default_rng([2018, rows])
    pair = random.standard_normal((PATHS, 2, MOST_SEEDS)) * math.sqrt(spread.seeds / 2)
    others = random.standard_normal((PATHS, max(rows - 2, 0), POOLED_SEEDS.stop)) * math.sqrt(spread.seeds / 2)
    of_images = random.standard_normal(PATHS) * math.sqrt(spread.images)
    true = -distance if kind is Kind.LOWER else 0.0
    d_Pn = pair[:, 0] - pair[:, 1]
    p_Pn = np.ones((PATHS, MOST_SEEDS + 1))
    for n in range(FIRST_LOOK, MOST_SEEDS + 1):
        values = d_Pn[:, :n].mean(axis=1) + of_images + true
        variances, freedom = d_Pn[:, :n].var(axis=1, ddof=1) / n, n - 1
        if n in POOLED_SEEDS and rows >= FEWEST_ROWS:
            noise = seed_noise(np.concatenate([pair[:, :, :n], others[:, :, :n]], axis=1))
            variances, freedom = noise.of_rows[:, :2].sum(axis=1) / n, noise.freedom
        p_Pn[:, n] = _p_for(kind, distance, values, variances, spread.images, freedom)
    return p_Pn


def _p_for(kind: Kind, distance: float, values: Floats, variances: Floats, images: float, freedom: int) -> Floats:
    """For a part, as ``verdicts.p_values`` has it for one difference."""

    def below(limit: float) -> Floats:
        return tails(limit - values, variances, images, freedom, NODES)

    if kind is Kind.LOWER:
        return 2 * below(0.0)
    if kind is Kind.EQUIVALENT:
        return np.maximum(below(distance), tails(values + distance, variances, images, freedom, NODES))
    return below(distance)
