"""The mean error of a row and its interval, by hand."""

import math

import pytest
from scipy import stats

from senet_lab.stats.mean import mean_of


def test_the_interval_is_students_with_the_step_of_an_image():
    """Errors of 5, 6 and 7 %: variance 1, and (0.01 ² / 8) for 10,000 images."""
    found = mean_of([5.0, 6.0, 7.0], 10_000)

    assert (found.value, found.n) == (6.0, 3)
    assert pytest.approx(stats.t.ppf(0.975, 2) * math.sqrt((1 + 0.01**2 / 8) / 3)) == found.half_width


def test_two_equal_seeds_are_not_known_to_have_no_spread():
    """Their interval is a few images wide, not 0.00."""
    found = mean_of([5.0, 5.0], 10_000)

    assert 0.005 < found.half_width < 0.05


def test_aps_move_in_no_steps():
    """Nothing is added to the spread of detectors' seeds."""
    assert mean_of([38.0, 40.0], None).half_width == pytest.approx(stats.t.ppf(0.975, 1))


def test_one_seed_has_no_interval():
    """And no seed no mean."""
    assert mean_of([5.0], 10_000).half_width is None
    assert mean_of([], 10_000) is None
