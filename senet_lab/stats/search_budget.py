"""The expected best error of a search with k trials, for every k up to the number of trials that were made.

The best error of all trials depends on the number of trials as much as on the row that was searched. So rows are
compared at equal budgets: the mean, over all choices of k of the T trials, of the best one's error. It has a closed
form and no bias. Drawing k trials with replacement, as is often done, makes small budgets look better than they are
(Dodge et al., EMNLP 2019, "Show Your Work"; Tang et al., ACL 2020, on its bias).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln


@dataclass(frozen=True, slots=True)
class BudgetPoint:
    """The expected error of the best of ``trials`` trials, in percent, and its standard deviation.

    The deviation is over the choices of trials. It says nothing about trials that were not made, and is 0 where all
    trials are chosen.
    """

    trials: int
    expected_error_pct: float
    deviation_pct: float


def best_by_budget(errors_pct: Sequence[float]) -> tuple[BudgetPoint, ...]:
    """The curve for one row: a point for each budget from 1 trial to all T of them.

    errors_pct: the error of each trial on held-out images, in any order. A failed trial has the error of guessing,
    since it used its part of the budget. The trials of one row are assumed to be exchangeable, like random points of
    one space.

    Raises ValueError for an error that is not finite.
    """
    sorted_T = np.sort(np.asarray(errors_pct, dtype=np.float64))
    if not np.isfinite(sorted_T).all():
        raise ValueError("an error is no finite number; give a failed trial the error of guessing")
    total, points = len(sorted_T), []
    for trials in range(1, total + 1):
        # The i-th best trial is the best of a choice if the other trials - 1 are worse than it.
        behind = np.arange(total - 1, -1, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = np.where(
                behind >= trials - 1,
                np.exp(_log_choose(behind, trials - 1) - _log_choose(np.array([total]), trials)),
                0.0,
            )
        mean = float(weights @ sorted_T)
        deviation = float(np.sqrt(max(0.0, float(weights @ (sorted_T - mean) ** 2))))
        points.append(BudgetPoint(trials, mean, deviation))
    return tuple(points)


def _log_choose(of: NDArray[np.int_], some: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = gammaln(of + 1) - gammaln(some + 1) - gammaln(np.maximum(of - some, 0) + 1)
    return found
