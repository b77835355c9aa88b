"""The paired difference between two rows: its variance over seeds and images, intervals and p-values.

D[s, i] is 1 where the row is wrong at seed s on image i, else 0, minus the same for the other row:

    D[s, i] = difference + seed effect[s] + image effect[i] + rest[s, i]

The variance of the mean over seeds and images is the variance that seeds add plus the variance that images add. Both
have a closed form, in which the variance of the rest appears once. A few seeds hardly tell their own spread, so
intervals and tests use Student's t for the seeds' part. A plain bootstrap over both would count the rest three times,
shrink the seeds' part by (n-1)/n, and give too narrow intervals with few seeds: benchmarks/simulate_inference.py shows
the coverage of both.

n seeds, N images, errors in points (percent of images).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr

SIGNIFICANCE = 0.05  # the probability that a table has any false verdict is at most this
CONFIDENCE = 0.95  # confidence of the intervals that are shown
NODES = 240  # nodes of the quadrature over the spread of the seeds

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference in points, with the two parts of its variance.

    value: the difference in points. seeds, images: how many it is over. seed_variance: the variance of the mean over
    seeds, with the interaction of seeds and images; None for one seed. image_variance: the variance that the choice of
    evaluation images adds; more seeds do not make it smaller. Variances are in squared points. pooled_freedom: the
    degrees of freedom of seed_variance where it was estimated from all rows of a table (seed_noise), else None.
    stepping: whether the number moves in steps of one image, as an error does and AP does not. rest_variance: what the
    interaction alone gives, which all images together tell well. A few seeds that happen to agree show less spread;
    intervals and tests then allow for this much.
    """

    value: float
    seeds: int
    images: int
    seed_variance: float | None
    image_variance: float
    pooled_freedom: int | None = None
    stepping: bool = True
    rest_variance: float = 0.0

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the seeds' part."""
        return self.pooled_freedom or self.seeds - 1

    @property
    def interval_over(self) -> str:
        """What the interval is over: "seeds and images", or "images" where there is one seed."""
        return "seeds and images" if self.seeds > 1 else "images"

    @property
    def variance(self) -> float:
        """The variance of the mean difference, in squared points; with one seed, over images alone."""
        return (self.seed_variance or 0.0) + self.image_variance

    @property
    def half_step_variance(self) -> float:
        """What ``half_step_variance`` gives for this number, in squared points."""
        return half_step_variance(self.images if self.stepping else None)

    @property
    def half_width(self) -> float:
        """The half-width of the 95 % interval, in points; with one seed, over images alone."""
        return half_width(self, CONFIDENCE)


def difference_of(wrong_nN: NDArray[np.generic], other_nN: NDArray[np.generic]) -> Difference:
    """The difference between two rows, in points.

    wrong_nN, other_nN: 1 where the run of a seed is wrong on an image, else 0; both have the same order of seeds and of
    images. Each may be the sum of two rows, for a difference of differences. An error moves in steps of one image, so
    two seeds can have equal differences and seem to have no spread. Therefore the variance of half a step is added.
    With one seed, the choice of images adds at least what one image does on which the rows disagree. Raises ValueError
    where the shapes differ, or are not n x N with at least two images.
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
        return Difference(value, 1, images, None, max(squares / (images - 1) / images, (100.0 / images) ** 2))
    of_seeds, of_images = float(((by_seed - value) ** 2).sum()), float(((by_image - value) ** 2).sum())
    rest = (squares - images * of_seeds - n * of_images) / ((n - 1) * (images - 1))
    seed_variance = (of_seeds / (n - 1) + half_step_variance(images)) / n
    image_variance = max(0.0, of_images / (images - 1) - rest / n) / images
    return Difference(value, n, images, seed_variance, image_variance, rest_variance=max(0.0, rest) / images / n)


def half_step_variance(images: int | None) -> float:
    """The variance that is added because errors move in steps of one image, in squared points.

    It is the variance of two values that lie half a step apart; 0 for None, which stands for a number without steps.
    """
    return 0.0 if images is None else (100.0 / images) ** 2 / 8


def with_seed_noise(difference: Difference, variances: Sequence[float], freedom: int) -> Difference:
    """The difference with a variance over seeds that was estimated from all rows of a table.

    variances: the variance over seeds of one run of each of the compared rows, in squared points. freedom: their
    degrees of freedom.
    """
    seed_variance = (sum(variances) + difference.half_step_variance) / difference.seeds
    return replace(difference, seed_variance=seed_variance, pooled_freedom=freedom)


def half_width(difference: Difference, level: float) -> float:
    """The half-width of the two-sided interval with this confidence level, in points.

    It uses Student's t with ``freedom / share ** e`` degrees of freedom, where ``share`` is the seeds' share of the
    variance. With a share of 1 these are the seeds' own degrees of freedom; with a smaller share there are more.
    Satterthwaite's formula has e = 2, which gives too narrow intervals for shares near one; e = 1 gives too wide ones
    for small shares. Here e falls from 2 to 1 as the share grows. With one degree of freedom no e keeps the level;
    there the distribution of the sum of the two parts is used instead (``tail``), whose intervals are never too narrow.
    Where the seeds show less spread than the interaction alone gives, it is the narrower of two that allow for that:
    the distribution of the sum, and the interval of seeds with just that spread.
    """
    tail_share, variance, rest = (1 - level) / 2, difference.variance, difference.rest_variance
    if variance + rest == 0.0:
        return 0.0
    if difference.seeds == 1 or (not difference.seed_variance and not rest):
        return float(stats.norm.isf(tail_share)) * math.sqrt(variance)
    of_seeds = difference.seed_variance or 0.0
    known = np.array([of_seeds]), difference.image_variance, difference.freedom, tail_share
    if difference.freedom == 1:
        return float(critical(*known, rest=rest)[0])
    if of_seeds < rest:
        at_the_rest = replace(difference, seed_variance=rest)
        return min(float(critical(*known, rest=rest)[0]), half_width(at_the_rest, level))
    share = of_seeds / variance
    freedom = difference.freedom / share ** (1 + (1 - share) ** 3)
    return float(stats.t.isf(tail_share, freedom)) * math.sqrt(variance)


def critical(
    seed_variances: Floats, image_variance: float, freedom: int, level: float, nodes: int = NODES, rest: float = 0.0
) -> Floats:
    """The distances in points at which ``tail`` equals ``level``, one for each variance of the mean over seeds."""
    scales, weights = chi_square(freedom, nodes)
    spread = np.sqrt(np.maximum(seed_variances[:, None] / scales, rest) + image_variance)
    low = np.zeros_like(seed_variances)
    high = float(stats.t.isf(level, freedom)) * 2 * np.sqrt(np.maximum(seed_variances, rest) + image_variance)
    for _ in range(60):
        middle = (low + high) / 2
        above = ndtr(-middle[:, None] / spread) @ weights > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high


def tail(difference: Difference, distance: float) -> float:
    """The probability that chance alone moves the mean difference upwards by more than ``distance`` points.

    Chance is the sum of a Student's t over seeds (n-1 degrees of freedom, more where pooled) and a normal variable over
    images. Of the spreads over seeds that the t allows for, none is below that of the interaction alone. A test that
    uses it is not wrong more often than its level says, at small levels too. With one seed, or with detectors that show
    no spread at all, as where each found nothing, the spread is unknown, and the answer is 1.
    """
    if difference.seeds == 1 or difference.variance + difference.rest_variance == 0.0:
        return 1.0
    of_seeds, of_images = np.array([difference.seed_variance or 0.0]), difference.image_variance
    found = tails(np.array([distance]), of_seeds, of_images, difference.freedom, NODES, difference.rest_variance)
    return float(found[0])


def tails(
    distances: Floats, seed_variances: Floats, image_variance: float, freedom: int, nodes: int, rest: float = 0.0
) -> Floats:
    """``tail`` for many differences at once. distances and seed_variances have one entry for each difference.

    rest: the variance of the mean that the interaction of seeds and images alone gives, of all of them.
    """
    scales, weights = chi_square(freedom, nodes)
    spread = np.sqrt(np.maximum(seed_variances[:, None] / scales, rest) + image_variance)
    found: Floats = ndtr(-distances[:, None] / spread) @ weights
    return found


@lru_cache(maxsize=256)
def chi_square(freedom: int, nodes: int = NODES) -> tuple[Floats, Floats]:
    """A quadrature over chi-square divided by its degrees of freedom: nodes, and weights that add up to one.

    Most nodes lie near zero. Small values mean that the true spread is far above the estimated one. These cases decide
    how heavy the tails are, so they need most nodes.
    """
    x, weights = _legendre(nodes)
    u = (x + 1) / 2
    return stats.chi2.ppf(u**4, freedom) / freedom, 2 * weights * u**3


@cache
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    """The nodes and weights of Gauss-Legendre quadrature, cached since finding them takes longer than using them."""
    return np.polynomial.legendre.leggauss(nodes)


def p_below(difference: Difference, limit: float = 0.0) -> float:
    """The one-sided p-value for "the true difference is below ``limit`` points": small where the data support it."""
    return tail(difference, limit - difference.value)


def p_above(difference: Difference, limit: float = 0.0) -> float:
    """The one-sided p-value for "the true difference is above ``limit`` points"."""
    return tail(difference, difference.value - limit)


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's adjustment of p-values for the number of tests. Keys are names and stay as they are."""
    adjusted, largest = {}, 0.0
    ordered = sorted(p_values, key=lambda name: (p_values[name], name))
    for rank, name in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted
