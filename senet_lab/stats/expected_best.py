"""The expected best error of a search, against its number of trials."""

from collections.abc import Sequence
from math import comb


def expected_best(errors: Sequence[float]) -> list[float]:
    """The mean over all choices of k trials of their lowest error, for k = 1 up to the number of trials.

    Where rows are compared at the same k, their searches have equal cost (after Dodge et al. 2019, who draw with
    replacement). Raises ValueError where there is no trial.
    """
    if not errors:
        raise ValueError("a search without trials has no best one")
    ordered, n = sorted(errors), len(errors)
    return [
        sum(error * comb(n - 1 - place, k - 1) for place, error in enumerate(ordered)) / comb(n, k)
        for k in range(1, n + 1)
    ]
