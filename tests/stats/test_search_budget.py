"""The expected best of k trials: by hand, and against every choice of k."""

from itertools import combinations

import numpy as np
import pytest

from senet_lab.stats.search_budget import best_by_budget

ERRORS = (12.0, 9.5, 30.0, 10.25, 9.5, 90.0)


@pytest.mark.parametrize("trials", range(1, len(ERRORS) + 1))
def test_it_is_the_mean_of_the_best_of_every_choice(trials):
    """All choices of k of six trials, their best averaged, and how far it varies."""
    best = [min(chosen) for chosen in combinations(ERRORS, trials)]
    point = best_by_budget(ERRORS)[trials - 1]

    assert (point.trials, pytest.approx(np.mean(best))) == (trials, point.expected_error_pct)
    assert pytest.approx(np.std(best), abs=1e-6) == point.deviation_pct


def test_one_trial_is_the_mean_and_all_are_the_best():
    """Two trials of 10 and 20 %: 15 % with one, 10 % with both, whatever their order."""
    for errors in ((10.0, 20.0), (20.0, 10.0)):
        assert [p.expected_error_pct for p in best_by_budget(errors)] == [pytest.approx(15.0), pytest.approx(10.0)]
    assert best_by_budget((10.0, 20.0))[-1].deviation_pct == pytest.approx(0.0, abs=1e-6)


def test_more_trials_never_make_it_worse():
    """The curve of 500 trials falls, and its weights do not overflow."""
    curve = [
        point.expected_error_pct for point in best_by_budget(np.random.default_rng(0).gamma(3.0, 5.0, 500).tolist())
    ]

    assert curve == sorted(curve, reverse=True)
    assert np.isfinite(curve).all()


def test_a_failed_trial_needs_an_error():
    """No trial, no curve; nothing that is not finite is averaged."""
    assert best_by_budget(()) == ()
    with pytest.raises(ValueError, match="give a failed trial the error of guessing"):
        best_by_budget((10.0, float("nan")))
