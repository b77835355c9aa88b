"""How many seeds would settle a comparison, from what pilot runs tell of its spread.

Power is the probability of a verdict in the true direction. It is computed, not simulated: the test's threshold depends
on the spread over seeds that a study happens to see, and that spread's distribution is known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import ndtr

from senet_lab.stats.difference import Difference, chi_square, critical
from senet_lab.study.claim import Comparison, Equivalent, Lower

POWER = 0.8
MOST_SEEDS = 50
INNER_NODES, OUTER_NODES = 96, 40


@dataclass(frozen=True, slots=True)
class Spread:
    """The variances of a paired difference, in squared points. seeds: of one seed, what seeds and images do together
    included; images: of the whole set of evaluation images. pilots: seeds less one, over all pairs that it is from."""

    seeds: float
    images: float
    pilots: int


def pooled(differences: Sequence[Difference]) -> Spread | None:
    """The spread that pilot differences have in common: pooled over pairs, as one pair of two seeds says next to
    nothing. None where no pair has two seeds."""
    found = [d for d in differences if d.seed_variance is not None]
    freedom = sum(d.seeds - 1 for d in found)
    if not freedom:
        return None
    seeds = math.fsum((d.seed_variance or 0.0) * d.seeds * (d.seeds - 1) for d in found) / freedom
    return Spread(seeds, math.fsum(d.image_variance for d in found) / len(found), freedom)


def power_of(part: Comparison, spread: Spread, seeds: int, level: float, resolve: float) -> float:
    """The probability that a comparison gets its verdict at a level with so many seeds.

    For ``Lower`` the true difference is taken to be ``resolve`` points; for statements of equality or of being no
    worse it is taken to be zero, and their margin is what is tested.
    """
    distance, level = (resolve, level / 2) if isinstance(part, Lower) else (part.margin, level)
    scales, weights = chi_square(seeds - 1, OUTER_NODES)
    seed_variance = spread.seeds / seeds
    thresholds = critical(seed_variance * scales, spread.images, seeds - 1, level, INNER_NODES)
    reached = (distance - thresholds) / math.sqrt(seed_variance + spread.images)
    chances = np.maximum(0.0, 2 * ndtr(reached) - 1) if isinstance(part, Equivalent) else ndtr(reached)
    return float(weights @ chances)


def seeds_needed(part: Comparison, spread: Spread, level: float, resolve: float, most: int = MOST_SEEDS) -> int | None:
    """The smallest number of seeds with 80 % power; None where ``most`` is not enough."""
    if power_of(part, spread, most, level, resolve) < POWER:
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(part, spread, middle, level, resolve) >= POWER else (middle, high)
    return high


def limit_of_images(part: Comparison, spread: Spread, level: float) -> float:
    """The smallest true difference (for ``Lower``) or margin, in points, that any number of seeds could settle with 80
    % power on these evaluation images."""
    one_sided = level / 2 if isinstance(part, Lower) else level
    miss = (1 - POWER) / 2 if isinstance(part, Equivalent) else 1 - POWER
    return math.sqrt(spread.images) * float(stats.norm.isf(one_sided) + stats.norm.isf(miss))
