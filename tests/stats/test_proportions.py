"""Counts of errors: intervals, pairs of networks, printed percentages."""

import numpy as np
import pytest
from scipy.stats import binom

from senet_lab.stats.proportions import agreement, mcnemar, printed_counts, wilson


def test_wilsons_interval_is_the_textbooks():
    """10 of 100: 5.52 to 17.44 %; 0 of 20 begins at zero."""
    assert tuple(round(limit, 2) for limit in wilson(10, 100)) == (5.52, 17.44)
    assert wilson(0, 20)[0] == 0.0
    assert wilson(20, 20)[1] == 100.0


@pytest.mark.parametrize("counts", [(-1, 10), (11, 10), (0, 0)])
def test_what_is_no_proportion_is_refused(counts):
    """More errors than images, or no images."""
    with pytest.raises(ValueError, match="errors of"):
        wilson(*counts)


def test_wilsons_interval_covers_the_truth():
    """On average over the truths of the ImageNet tables, in 93 to 97 % of sets of 507 images."""
    truths = np.linspace(0.02, 0.4, 39)
    errors = np.arange(508)
    intervals = [wilson(e, 507) for e in errors]
    inside = [[low <= 100 * p <= high for low, high in intervals] for p in truths]
    covered = [(binom.pmf(errors, 507, p) * row).sum() for p, row in zip(truths, inside, strict=True)]

    assert 0.93 < np.mean(covered) < 0.97


def test_two_networks_are_compared_on_the_images_where_they_differ():
    """3 against 9 of 12: exact two-sided p = 0.146; those that both have wrong do not count."""
    first = np.array([False] * 9 + [True] * 3 + [False] * 5 + [True] * 83)
    second = np.array([True] * 9 + [False] * 3 + [False] * 5 + [True] * 83)
    pair = mcnemar(first, second)

    assert (pair.only_first, pair.only_second, pair.difference) == (9, 3, 6.0)
    assert round(pair.p_value, 3) == 0.146
    assert mcnemar(first, first).p_value == 1.0
    with pytest.raises(ValueError, match="cannot be compared"):
        mcnemar(first, second[:-1])


def test_a_printed_percentage_is_an_interval_of_whole_images():
    """22.37 % of 50,000 is 11,183 to 11,187 errors; 22.4 % is 51 numbers, halves on both sides."""
    assert range(11_183, 11_188) == printed_counts("22.37", 50_000)
    assert range(11_175, 11_226) == printed_counts("22.4", 50_000)
    assert range(0, 1) == printed_counts("0.00", 1_000)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (11_183, "equal"),
        (11_187, "equal"),
        (11_182, "1 image away"),
        (11_197, "10 images away"),
        (11_287, "100 images away"),
        (11_288, "another view or other weights"),
    ],
)
def test_how_far_a_count_is_from_a_printed_percentage(errors, said):
    """In whole images, from the nearer end."""
    assert said == agreement(errors, "22.37", 50_000)
