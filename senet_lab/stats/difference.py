"""What a paired difference between two rows can tell: its variance over seeds and images, intervals, p-values.

The difference D of one seed s and one image i is whether the row is wrong there less whether the other row is:

    D[s, i] = difference + seed effect[s] + image effect[i] + rest[s, i]

The variance of the mean over seeds and images is the sum of what seeds add and what images add, both in closed form;
the rest counts once. With a handful of seeds their spread is itself hardly known, so intervals and tests use Student's
t for their part. A plain bootstrap over both would count the rest three times, shrink the seeds' part by (n-1)/n, and
be too narrow with few seeds: benchmarks/simulate_inference.py shows the coverage of both.

n seeds, N images, errors in points (percent of images).
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr

SIGNIFICANCE = 0.05  # how often a table may have any false verdict
CONFIDENCE = 0.95  # of the intervals that are shown
NODES = 240  # of the quadrature over the spread of the seeds

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference in points, with the two parts of its variance.

    seed_variance: of the mean over seeds, what seeds and images do together included; None where there is one seed.
    image_variance: what the choice of evaluation images adds; no number of seeds makes it smaller.
    pooled_freedom: the degrees of freedom of the seeds' part where it is from all rows of a table (seed_noise).
    """

    value: float
    seeds: int
    images: int
    seed_variance: float | None
    image_variance: float
    pooled_freedom: int | None = None

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the seeds' part."""
        return self.pooled_freedom or self.seeds - 1

    @property
    def variance(self) -> float:
        """Of the mean difference; with one seed, over images alone."""
        return (self.seed_variance or 0.0) + self.image_variance

    @property
    def half_width(self) -> float:
        """Of the 95 % interval; with one seed, over images alone."""
        return half_width(self, CONFIDENCE)


def difference_of(wrong_nN: NDArray[np.generic], other_nN: NDArray[np.generic]) -> Difference:
    """The difference between two rows: 1 where the row is wrong, else 0; equal seeds and images face each other.

    An error moves in steps of one image, so two seeds can have the very same difference and seem to have no spread;
    the spread of half a step is added to what is seen.

    Raises ValueError where the shapes differ or are no such table.
    """
    if wrong_nN.shape != other_nN.shape or wrong_nN.ndim != 2 or wrong_nN.shape[1] < 2:
        raise ValueError(f"runs of {wrong_nN.shape} and {other_nN.shape} cannot be paired over seeds and images")
    bits = wrong_nN.dtype == other_nN.dtype == np.uint8
    d = wrong_nN.view(np.int8) - other_nN.view(np.int8) if bits else np.subtract(wrong_nN, other_nN, dtype=np.float64)
    n, images = d.shape
    by_seed, by_image = 100.0 * d.sum(axis=1, dtype=np.float64) / images, 100.0 * d.sum(axis=0, dtype=np.float64) / n
    value = float(by_seed.mean())
    squares = 100.0**2 * float((d * d).sum(dtype=np.float64)) - n * images * value**2
    if n == 1:
        return Difference(value, 1, images, None, squares / (images - 1) / images)
    of_seeds, of_images = float(((by_seed - value) ** 2).sum()), float(((by_image - value) ** 2).sum())
    rest_variance = (squares - images * of_seeds - n * of_images) / ((n - 1) * (images - 1))
    seed_variance = (of_seeds / (n - 1) + half_step_variance(images)) / n
    image_variance = max(0.0, of_images / (images - 1) - rest_variance / n) / images
    return Difference(value, n, images, seed_variance, image_variance)


def half_step_variance(images: int) -> float:
    """What whole images hide of the spread of an error over seeds, in squared points."""
    return (100.0 / images) ** 2 / 8


def with_seed_noise(difference: Difference, variances: tuple[float, float], freedom: int) -> Difference:
    """The same difference with the seeds' part of its variance from all rows of a table.

    variances: over seeds, of one run of each of the two rows, in squared points.
    """
    seed_variance = (sum(variances) + half_step_variance(difference.images)) / difference.seeds
    return replace(difference, seed_variance=seed_variance, pooled_freedom=freedom)


def half_width(difference: Difference, level: float) -> float:
    """Of the two-sided interval at this level, in points.

    Student's t with degrees of freedom between those of the seeds (their share of the variance is 1) and infinity
    (0). The exponent lies between Satterthwaite's 2, too narrow for a share near one, and 1, too wide for a small
    share. With one degree of freedom no such rule holds its level, and the convolution of ``tail`` is used, which is
    never too narrow.
    """
    tail_share, variance = (1 - level) / 2, difference.variance
    if variance == 0.0:
        return 0.0
    if difference.seeds == 1 or not difference.seed_variance:
        return float(stats.norm.isf(tail_share)) * math.sqrt(variance)
    if difference.freedom == 1:
        return float(critical(np.array([difference.seed_variance]), difference.image_variance, 1, tail_share)[0])
    share = difference.seed_variance / variance
    freedom = difference.freedom / share ** (1 + (1 - share) ** 3)
    return float(stats.t.isf(tail_share, freedom)) * math.sqrt(variance)


def critical(seed_variances: Floats, image_variance: float, freedom: int, level: float, nodes: int = NODES) -> Floats:
    """The distance in points at which ``tail`` is ``level``, for each variance of the mean over seeds."""
    scales, weights = chi_square(freedom, nodes)
    spread = np.sqrt(seed_variances[:, None] / scales + image_variance)
    low = np.zeros_like(seed_variances)
    high = float(stats.t.isf(level, freedom)) * 2 * np.sqrt(seed_variances + image_variance)
    for _ in range(60):
        middle = (low + high) / 2
        above = ndtr(-middle[:, None] / spread) @ weights > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high


def tail(difference: Difference, distance: float) -> float:
    """How probable it is that chance alone moves the mean difference by more than ``distance`` upwards (points).

    Chance is a Student's t (n-1 degrees of freedom, more where pooled) over seeds and a normal over images, added; a
    test that uses it is wrong at most as often as it says, at small levels too. With one seed nothing is known of the
    seeds and the answer is 1.
    """
    if difference.seeds == 1:
        return 1.0
    seed_variance = difference.seed_variance or 0.0
    if seed_variance + difference.image_variance == 0.0:
        return 0.0 if distance > 0 else 1.0
    found = tails(np.array([distance]), np.array([seed_variance]), difference.image_variance, difference.freedom, NODES)
    return float(found[0])


def tails(distances: Floats, seed_variances: Floats, image_variance: float, freedom: int, nodes: int) -> Floats:
    """``tail`` of many differences at once: of each its distance and the variance of its mean over seeds."""
    scales, weights = chi_square(freedom, nodes)
    spread = np.sqrt(seed_variances[:, None] / scales + image_variance)
    found: Floats = ndtr(-distances[:, None] / spread) @ weights
    return found


@lru_cache(maxsize=256)
def chi_square(freedom: int, nodes: int = NODES) -> tuple[Floats, Floats]:
    """A quadrature over chi-square divided by its degrees of freedom: nodes, and weights that add up to one. The
    nodes are dense where it is small, which is what makes the tails."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    u = (x + 1) / 2
    return stats.chi2.ppf(u**4, freedom) / freedom, 2 * weights * u**3


def p_below(difference: Difference, limit: float = 0.0) -> float:
    """One-sided p-value for the true difference being below ``limit`` (points): small where the data say so."""
    return tail(difference, limit - difference.value)


def p_above(difference: Difference, limit: float = 0.0) -> float:
    """The same for being above."""
    return tail(difference, difference.value - limit)


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's adjustment: each p-value as it counts when all of them are looked at. The names are only carried."""
    adjusted, largest = {}, 0.0
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    for rank, name in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted
