"""The best of a search against its budget: what to expect of so many trials, drawn from those that were made."""

from collections.abc import Sequence
from math import comb


def expected_best(errors: Sequence[float]) -> list[float]:
    """The mean of the lowest error among k of these trials, over all choices of k, for k = 1 .. their number.

    A curve that is read at one budget for every row compares searches of equal cost (after Dodge et al. 2019, who draw
    with replacement). Raises ValueError where there is no trial.
    """
    if not errors:
        raise ValueError("a search without trials has no best one")
    ordered, n = sorted(errors), len(errors)
    return [
        sum(error * comb(n - 1 - place, k - 1) for place, error in enumerate(ordered)) / comb(n, k)
        for k in range(1, n + 1)
    ]
