"""The expected best of a search, against every choice written out."""

from itertools import combinations

import pytest

from senet_lab.stats.expected_best import expected_best

ERRORS = [7.0, 3.0, 9.0, 3.0, 5.0]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_it_is_the_mean_over_all_choices(k):
    """The lowest error of each of the C(5, k) choices, averaged."""
    lowest = [min(choice) for choice in combinations(ERRORS, k)]

    assert sum(lowest) / len(lowest) == pytest.approx(expected_best(ERRORS)[k - 1])


def test_one_trial_gives_the_mean_and_all_the_minimum():
    """The two ends of the curve, which never rises."""
    curve = expected_best(ERRORS)

    assert (sum(ERRORS) / 5, 3.0) == (pytest.approx(curve[0]), curve[-1])
    assert curve == sorted(curve, reverse=True)


def test_many_trials_have_a_curve():
    """With 1,100 trials the binomials are above the largest float; two trials' mean best is (n - 1) / 3 here."""
    curve = expected_best([float(error) for error in range(1_100)])

    assert (pytest.approx(1_099 / 2), pytest.approx(1_099 / 3 - 1 / 3), 0.0) == (curve[0], curve[1], curve[-1])
    assert curve == sorted(curve, reverse=True)


def test_no_trials_are_refused():
    """There is nothing to expect."""
    with pytest.raises(ValueError, match="without trials"):
        expected_best([])
