"""How far two runs of a cell may lie apart: by hand, and as often as it says in simulated runs."""

import numpy as np
import pytest
from scipy import stats

from senet_lab.stats.two_runs import allowed_by_images, allowed_by_seeds


def test_the_spread_of_seeds_by_hand():
    """Two cells with two seeds, 2 and 4 points apart: variance (2 + 8) / 2 and half an image's step, with t of 2."""
    found = allowed_by_seeds([[30.0, 32.0], [40.0, 44.0], [7.0]], 1_000)
    variance = 5.0 + 0.1**2 / 8

    assert (2, pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(2 * variance))) == (found.freedom, found.points)


def test_without_a_second_seed_there_is_no_spread():
    """None, not zero."""
    assert allowed_by_seeds([[30.0], [40.0]], 1_000) is None
    assert allowed_by_seeds([], 1_000) is None


def test_two_runs_lie_inside_as_often_as_said():
    """Of 4,000 pairs of runs with the seeds' own spread 95 % do, within the simulation's error of one point."""
    draw = np.random.default_rng(1)
    errors, pairs = draw.normal(30.0, 0.5, (4_000, 3, 2)), draw.normal(30.0, 0.5, (4_000, 2))
    widths = np.array([allowed_by_seeds(study.tolist(), 10_000).points for study in errors])

    assert pytest.approx((np.abs(pairs[:, 1] - pairs[:, 0]) <= widths).mean(), abs=0.01) == 0.95


def test_images_alone():
    """100 of 1,000 images with another answer: 1.96 times 10 images are 1.96 points."""
    found = allowed_by_images(100, 1_000)

    assert (0, pytest.approx(1.96, abs=1e-3)) == (found.freedom, found.points)
