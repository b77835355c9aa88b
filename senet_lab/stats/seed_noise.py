"""How far runs of one row scatter from seed to seed, told from all rows of a table together; and runs that lie far off.

The error of row k at seed s is taken to be

    error[k, s] = row[k] + seed[s] + rest[k, s]

A seed's batches are the same in every row, so ``seed`` drops out of a difference between rows; ``rest`` does not. With
two to four seeds one pair of rows says next to nothing of the spread of the rest, and a table of K rows and n seeds
has (K-1)(n-1) degrees of freedom of it. What is pooled must be alike: a row may scatter more than the others, and
then the pooled spread is too small for it. So a row's variance is the pooled one, or the upper limit of its own where
that is larger. benchmarks/simulate_inference.py shows what this keeps and what it costs.

K rows, n seeds, errors in points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

POOLED_SEEDS = range(2, 5)  # numbers of seeds; with more, a pair's own spread says enough and assumes nothing
FEWEST_ROWS = 3  # with two there is nothing to pool
OWN_LIMIT = 0.6  # confidence of the upper limit of a row's own variance
FAR = 0.01  # how often any run of a table is called far off that is not


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """The variance over seeds of one run, in squared points. pooled: what the rows have in common; of_rows: what counts
    for each of them, K in the last axis; freedom: the degrees of freedom of the pool."""

    pooled: Floats
    of_rows: Floats
    freedom: int


def seed_noise(errors_Kn: Floats) -> SeedNoise:
    """The noise of K rows at the same n seeds; of many such tables at once where further axes stand before.

    Raises ValueError for fewer than three rows or two seeds.
    """
    rows, seeds = errors_Kn.shape[-2:]
    if rows < FEWEST_ROWS or seeds < 2:
        raise ValueError(f"{rows} rows with {seeds} seeds have no noise in common")
    freedom = (rows - 1) * (seeds - 1)
    pooled = (residuals(errors_Kn) ** 2).sum(axis=(-2, -1)) / freedom
    limit = (seeds - 1) / float(stats.chi2.ppf(1 - OWN_LIMIT, seeds - 1))
    return SeedNoise(pooled, np.maximum(pooled[..., None], limit * own_variances(errors_Kn)), freedom)


def residuals(errors_Kn: Floats) -> Floats:
    """What is left of the errors without the means of their row and of their seed, K x n."""
    of_rows, of_seeds = errors_Kn.mean(axis=-1, keepdims=True), errors_Kn.mean(axis=-2, keepdims=True)
    found: Floats = errors_Kn - of_rows - of_seeds + errors_Kn.mean(axis=(-2, -1), keepdims=True)
    return found


def own_variances(errors_Kn: Floats) -> Floats:
    """The variance over seeds of each row against the mean of the others, scaled to that of one run, K."""
    rows = errors_Kn.shape[-2]
    others_Kn = (errors_Kn.sum(axis=-2, keepdims=True) - errors_Kn) / (rows - 1)
    found: Floats = (errors_Kn - others_Kn).var(axis=-1, ddof=1) / (1 + 1 / (rows - 1))
    return found


def far_runs(errors_Kn: Floats) -> tuple[tuple[int, int], ...]:
    """The runs (row, seed) whose error lies far from what row and seed of the others say.

    Each residual is compared with the spread of the rest without it (Student's t), at 1 % for the whole table. With
    two seeds both runs of a row are far where one is: which of them it is cannot be told.
    """
    rows, seeds = errors_Kn.shape
    freedom = (rows - 1) * (seeds - 1)
    if freedom < 2:
        return ()
    share = freedom / (rows * seeds)  # of its own variance that a residual keeps
    squares_Kn = residuals(errors_Kn) ** 2 / share
    rest_Kn = np.maximum(squares_Kn.sum() * share - squares_Kn, 1e-12 * squares_Kn.max()) / (freedom - 1)
    with np.errstate(invalid="ignore"):
        p_Kn = 2 * stats.t.sf(np.sqrt(squares_Kn / rest_Kn), freedom - 1)
    return tuple((int(k), int(s)) for k, s in np.argwhere(p_Kn * errors_Kn.size < FAR))
