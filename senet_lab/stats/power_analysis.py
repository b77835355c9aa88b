"""How many seeds a sequential plan needs to settle a comparison, from the spread over seeds in pilot runs.

Power is the probability that one of the looks of a plan (records/sequential.py) gives a verdict in the true direction.
The plan is the one that ``train --until-resolved`` follows. The power is simulated: paths of p-values are drawn from
the spread, with a fixed random stream, so that the answer can be repeated. One set of paths serves plans of every
length.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senet_lab.records.sequential import FIRST_LOOK, SequentialPlan
from senet_lab.stats.difference import SIGNIFICANCE, tails
from senet_lab.stats.families import Family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.seed_noise import FEWEST_ROWS, POOLED_SEEDS, residuals, seed_noise
from senet_lab.study.claim import ComparedPart, Directed, Equivalent, labels_of

POWER = 0.8  # the power that a plan should have
MOST_SEEDS = 50  # longer plans are not considered
PATHS = 1_000  # simulated paths; the standard error of a power of 80 % is 1.3 points
NODES = 64  # nodes of the quadrature; fewer than in a report, for speed
UPPER = 0.8  # confidence of the upper limit of a pilot's spread

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """The variances of a paired difference, in squared points.

    seeds: the variance of one seed, with the interaction of seeds and images. images: the variance that the choice of
    the whole set of evaluation images adds. freedom: the degrees of freedom of the estimate ``seeds``. rest: the part
    of ``seeds`` that the interaction alone gives; no test allows for less.
    """

    seeds: float
    images: float
    freedom: int
    rest: float = 0.0

    @property
    def upper(self) -> "Spread":
        """The spread with the 80 % upper limit of ``seeds``, since a pilot of few seeds may underestimate it."""
        return replace(self, seeds=self.seeds * self.freedom / float(stats.chi2.ppf(1 - UPPER, self.freedom)))


def pilot_spread(runs: PairedRuns, family: Family) -> Spread | None:
    """The common spread of a family's differences; None where no two of its rows share two seeds."""
    cells, seeds = runs.widest_block((*family.rows, *family.cells))
    freedom = (len(cells) - 1) * (len(seeds) - 1)
    if freedom < 1:
        return None
    keys = {cell.key for cell in cells}
    pairs = [c for c in family.comparisons.values() if c.less is None and {c.cell.key, c.than.key} <= keys]
    found = [d for one in pairs if (d := runs.difference(one.cell, one.than, seeds=seeds)) is not None]
    if not found:
        return None
    squares = float((residuals(runs.errors(cells, seeds)) ** 2).sum())
    images, rest = (
        math.fsum(values) / len(found)
        for values in zip(*((d.image_variance, d.rest_variance * d.seeds) for d in found), strict=True)
    )
    return Spread(max(2 * squares / freedom + found[0].half_step_variance, rest), images, freedom, rest)


class Kind(StrEnum):
    """The kinds of statements that differ in their tests."""

    LOWER = "lower"
    NOT_WORSE = "not worse"
    EQUIVALENT = "equivalent"


def _kind(part: ComparedPart) -> Kind:
    if isinstance(part, Directed):  # they are tested alike
        return Kind.LOWER
    return Kind.EQUIVALENT if isinstance(part, Equivalent) else Kind.NOT_WORSE


@dataclass(frozen=True, slots=True)
class Design:
    """What a plan is made for.

    rows: how many rows the table has. comparisons: how many comparisons its family has. resolve: the true difference in
    points that the test of a ``Lower`` or a ``LargerGain`` should find.
    """

    rows: int
    comparisons: int
    resolve: float


def powers(part: ComparedPart, spread: Spread, design: Design) -> dict[int, float]:
    """The power of plans of 2 to 50 seeds, by their number of seeds, at the first step of Holm's adjustment.

    For ``Lower`` and ``LargerGain`` the true difference is assumed to be ``design.resolve`` points. For statements with
    a margin (equal, not worse) it is assumed to be zero.
    """
    distance = design.resolve if isinstance(part, Directed) else part.margin
    p_Pn = _paths(_kind(part), len(labels_of(part)), distance, spread, design.rows) * design.comparisons
    return {most: float(_found(p_Pn, _plan(most)).mean()) for most in range(FIRST_LOOK, MOST_SEEDS + 1)}


def seeds_needed(part: ComparedPart, spread: Spread, design: Design) -> int | None:
    """The number of seeds of the shortest plan with 80 % power; None where 50 seeds are not enough."""
    return next((most for most, power in powers(part, spread, design).items() if power >= POWER), None)


def limit_of_images(part: ComparedPart, spread: Spread, comparisons: int) -> float:
    """The smallest difference or margin, in points, that can be settled on these images with any number of seeds.

    It is a true difference for ``Lower`` and ``LargerGain``, and a margin for other parts. It has 80 % power in one
    test.
    """
    level = SIGNIFICANCE / comparisons
    one_sided = level / 2 if isinstance(part, Directed) else level
    miss = (1 - POWER) / 2 if isinstance(part, Equivalent) else 1 - POWER
    return math.sqrt(_images(len(labels_of(part)), spread)) * float(stats.norm.isf(one_sided) + stats.norm.isf(miss))


@lru_cache(maxsize=MOST_SEEDS)
def _plan(most: int) -> SequentialPlan:
    return SequentialPlan(table="", protocol="", most_seeds=most, level=SIGNIFICANCE)


def _found(p_Pn: Floats, plan: SequentialPlan) -> NDArray[np.bool_]:
    """P: whether a path gets its verdict at any look. p_Pn: the p-value of each path after each number of seeds."""
    looks = plan.looks()
    levels = np.array([plan.level_at(look) for look in looks])
    found: NDArray[np.bool_] = np.less(p_Pn[:, looks], levels).any(axis=1)
    return found


def _images(compared: int, spread: Spread) -> float:
    """The variance by the choice of images, of ``compared`` rows. Two differences are taken to vary independently."""
    return compared / 2 * spread.images


@lru_cache(maxsize=32)
def _paths(kind: Kind, compared: int, distance: float, spread: Spread, rows: int) -> Floats:
    """PATHS x 51: the p-value for a part after every number of seeds from 0 to 50; 1 below two seeds.

    The first ``compared`` rows are compared: two, or four for a difference of two differences. The other rows only help
    to estimate the spread over seeds.
    """
    random = np.random.default_rng([2018, rows])
    signs = np.array((1, -1, -1, 1)[:compared])
    first = random.standard_normal((PATHS, compared, MOST_SEEDS)) * math.sqrt(spread.seeds / 2)
    others = random.standard_normal((PATHS, max(rows - compared, 0), POOLED_SEEDS.stop)) * math.sqrt(spread.seeds / 2)
    images = _images(compared, spread)
    of_images = random.standard_normal(PATHS) * math.sqrt(images)
    true = -distance if kind is Kind.LOWER else 0.0
    d_Pn = np.einsum("l,pln->pn", signs, first)
    p_Pn = np.ones((PATHS, MOST_SEEDS + 1))
    for n in range(FIRST_LOOK, MOST_SEEDS + 1):
        values = d_Pn[:, :n].mean(axis=1) + of_images + true
        variances, freedom = d_Pn[:, :n].var(axis=1, ddof=1) / n, n - 1
        if n in POOLED_SEEDS and rows >= FEWEST_ROWS:
            noise = seed_noise(np.concatenate([first[:, :, :n], others[:, :, :n]], axis=1))
            variances, freedom = noise.of_rows[:, :compared].sum(axis=1) / n, noise.freedom
        rest = compared / 2 * spread.rest / n
        p_Pn[:, n] = _p_for(kind, distance, values, variances, (images, rest), freedom)
    return p_Pn


def _p_for(
    kind: Kind, distance: float, values: Floats, variances: Floats, known: tuple[float, float], freedom: int
) -> Floats:
    """The p-values for a part, by the rule that ``verdicts.p_values`` applies to one difference.

    known: the variances of the mean by the images, and by the interaction of seeds and images.
    """
    images, rest = known

    def beyond(distances: Floats) -> Floats:
        return tails(distances, variances, images, freedom, NODES, rest)

    def below(limit: float) -> Floats:
        return beyond(limit - values)

    if kind is Kind.LOWER:
        return 2 * below(0.0)
    if kind is Kind.EQUIVALENT:
        return np.maximum(below(distance), beyond(values + distance))
    return below(distance)
