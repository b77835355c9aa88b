"""The expected best error of a search, against its number of trials."""

from collections.abc import Sequence

import numpy as np


def expected_best(errors: Sequence[float]) -> list[float]:
    """The mean over all choices of k trials of their lowest error, for k = 1 up to the number of trials.

    Where rows are compared at the same k, their searches have equal cost (after Dodge et al. 2019, who draw with
    replacement). Raises ValueError where there is no trial.
    """
    if not errors:
        raise ValueError("a search without trials has no best one")
    ordered, n = np.sort(np.asarray(errors, dtype=np.float64)), len(errors)
    worse = np.arange(n - 1, 0, -1)  # how many trials come after each one but the last
    curve = []
    for k in range(1, n + 1):
        # The share of choices whose best is trial i, C(worse_i, k-1) / C(n, k). Each follows from the one before it,
        # since the binomials themselves are too large for a float from about 1,000 trials on.
        shares = np.cumprod(np.concatenate([[k / n], np.maximum(worse - (k - 1), 0) / worse]))
        curve.append(float((shares * ordered).sum()))
    return curve
