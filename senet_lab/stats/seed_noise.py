"""The spread of one row's runs from seed to seed, estimated from all rows of a table together; and outlying runs.

The error of row k at seed s is modelled as

    error[k, s] = row[k] + seed[s] + rest[k, s]

A seed's batches are the same in every row, so ``seed`` cancels in a difference between rows; ``rest`` does not. With
two to four seeds one pair of rows says almost nothing about the spread of the rest, but a table of K rows and n seeds
has (K-1)(n-1) degrees of freedom for it. Pooling assumes that rows are alike. A row may scatter more than the others;
then the pooled spread is too small for it. So a row's variance is the pooled one, or the upper limit of the row's own
variance where that is larger. benchmarks/simulate_inference.py shows the error rates and the loss of power.

K rows, n seeds, errors in points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

POOLED_SEEDS = range(2, 5)  # with more seeds, a pair's own spread is known well enough, without an assumption
FEWEST_ROWS = 3  # two rows have nothing to pool
OWN_LIMIT = 0.6  # confidence of the upper limit of a row's own variance
FAR = 0.01  # probability that any ordinary run of a table is called far


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """The variance over seeds of one run, in squared points.

    pooled: the common variance of all rows. of_rows: the variance that is used for each row, K in the last axis.
    freedom: the degrees of freedom of ``pooled``.
    """

    pooled: Floats
    of_rows: Floats
    freedom: int


def seed_noise(errors_Kn: Floats) -> SeedNoise:
    """The noise of K rows at the same n seeds. errors_Kn may have further axes in front, for many tables at once.

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
    """K x n: the errors without the means of their row and of their seed."""
    of_rows, of_seeds = errors_Kn.mean(axis=-1, keepdims=True), errors_Kn.mean(axis=-2, keepdims=True)
    found: Floats = errors_Kn - of_rows - of_seeds + errors_Kn.mean(axis=(-2, -1), keepdims=True)
    return found


def own_variances(errors_Kn: Floats) -> Floats:
    """K: for each row, the variance over seeds of its difference to the mean of the other rows.

    It is scaled to the variance of one run.
    """
    rows = errors_Kn.shape[-2]
    others_Kn = (errors_Kn.sum(axis=-2, keepdims=True) - errors_Kn) / (rows - 1)
    found: Floats = (errors_Kn - others_Kn).var(axis=-1, ddof=1) / (1 + 1 / (rows - 1))
    return found


def far_runs(errors_Kn: Floats) -> tuple[tuple[int, int], ...]:
    """The runs (row, seed) whose error lies far from the value that the other runs of the table predict.

    Each residual is tested against the spread of the other residuals (Student's t), at 1 % for the whole table. With
    two seeds the residuals of a row's two runs are equal apart from the sign, so both runs are called far or neither.
    """
    rows, seeds = errors_Kn.shape
    freedom = (rows - 1) * (seeds - 1)
    if freedom < 2:
        return ()
    share = freedom / (rows * seeds)  # the part of a run's variance that its residual keeps
    squares_Kn = residuals(errors_Kn) ** 2 / share
    rest_Kn = np.maximum(squares_Kn.sum() * share - squares_Kn, 1e-12 * squares_Kn.max()) / (freedom - 1)
    with np.errstate(invalid="ignore"):
        p_Kn = 2 * stats.t.sf(np.sqrt(squares_Kn / rest_Kn), freedom - 1)
    return tuple((int(k), int(s)) for k, s in np.argwhere(p_Kn * errors_Kn.size < FAR))
