"""A small part of benchmarks/simulate_inference.py: a few hundred studies on fewer images."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulate_inference import ORDERS, coverage, false_verdicts, is_false, orders
from benchmarks.simulated_studies import EQUAL, NOISES, STRONG, TRUTHS, Noise, table_of
from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import Difference
from senet_lab.study.claim import Equivalent, Lower, NotWorse
from tests.slow import slow_if

WORLD = replace(STRONG, images=500)
PLAN = SequentialPlan(table="", protocol="", most_seeds=4, level=0.05)
LIKE_OTHERS = {"just within the margin, 0.6", "equal, with a tiny margin, 0.02", "published order", "nearly equal"}


def named(worlds):
    """Parameters by their names; those that are much like others are with the slow tests."""
    return [slow_if(name in LIKE_OTHERS, world, name=name) for name, world in worlds.items()]


def test_the_simulated_truth_is_true():
    """The errors of many runs have the mean that the model is said to have, within four standard errors."""
    wrong = WORLD.wrong((6.0, 20.0), 400, np.random.default_rng(0))
    by_run = 100 * wrong.mean(axis=2)

    for row, error in zip(by_run, (6.0, 20.0), strict=True):
        # Images are shared by all runs, so their spread does not shrink with the runs.
        assert abs(row.mean() - error) < 4 * np.sqrt(error * (100 - error) / 1_000)
    assert by_run[0].std() > 0.5


@pytest.mark.parametrize("noise", Noise)
def test_every_noise_has_mean_zero_and_its_spread(noise):
    """Over 40,000 runs of two rows, within six standard errors; the wide row and the wide baseline three times more."""
    shifts = replace(STRONG, noise=noise).shifts((2, 40_000), np.random.default_rng(1)).mean(axis=2)
    wide = {Noise.WIDE_ROW: (1, 3), Noise.WIDE_BASELINE: (3, 1)}.get(noise, (1, 1))

    assert np.abs(shifts.mean(axis=1)).max() < 6 * shifts.std(axis=1).max() / 200
    if noise not in (
        Noise.BAD_SEEDS,
        Noise.HEAVY,
    ):  # the one is no spread alone, the other's has no variance of its own
        assert pytest.approx(np.array(wide) * STRONG.seed_points, rel=0.05) == shifts.std(axis=1)


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_cover_the_truth(seeds):
    """Of 240 intervals of 60 studies at least 91 % hold the truth; of 60 about a row of threefold spread 87 %."""
    assert coverage(WORLD, seeds, 60)["coverage_pct"] > 91
    assert coverage(replace(WORLD, noise=Noise.WIDE_ROW), seeds, 60)["wide_row_pct"] > 87


@pytest.mark.parametrize("truth", named({truth.name: truth for truth in TRUTHS}))
def test_false_verdicts_are_rare(truth):
    """In 40 tables at most 6 with a false verdict, where up to 2 are expected; over all looks 4 of 20."""
    assert false_verdicts(WORLD, truth, 3, 40, None)["tables_with_false_verdict_pct"] <= 15
    assert false_verdicts(WORLD, truth, PLAN.most_seeds, 20, PLAN)["tables_with_false_verdict_pct"] <= 20


@pytest.mark.parametrize("world", NOISES, ids=[world.noise for world in NOISES])
def test_other_noise_makes_few_false_verdicts(world):
    """In 40 tables of equal rows at most 6; bad seeds in one row break it, which is why they are flagged."""
    found = false_verdicts(replace(world, images=500), EQUAL, 3, 40, None)["tables_with_false_verdict_pct"]

    assert found <= 15 or world.noise is Noise.BAD_SEEDS


@pytest.mark.parametrize("name", named({name: name for name in ORDERS}))
def test_orders_are_seldom_put_the_wrong_way_round(name):
    """In 40 tables at most 5 with a false pair, where up to 2 are expected."""
    assert orders(WORLD, name, 3, 40)["tables_with_false_pair_pct"] <= 12.5


@pytest.mark.parametrize(
    ("part", "value", "true", "false"),
    [
        (Lower("a", "b"), -1.0, -0.5, False),
        (Lower("a", "b"), -1.0, 0.0, True),
        (Lower("a", "b"), 1.0, 0.0, True),
        (NotWorse("a", "b", 0.3), 0.0, 0.3, True),
        (NotWorse("a", "b", 0.3), 0.0, -2.0, False),
        (NotWorse("a", "b", 0.3), 1.0, -2.0, True),
        (Equivalent("a", "b", 0.3), 0.0, -0.3, True),
        (Equivalent("a", "b", 0.3), 0.0, 0.1, False),
        (Equivalent("a", "b", 0.3), 2.0, 0.1, True),
        (Equivalent("a", "b", 0.3), 2.0, 0.5, False),
        (Equivalent("a", "b", 0.3), 2.0, 0.3, False),
    ],
)
def test_the_judge_of_the_simulation_knows_a_false_verdict(part, value, true, false):
    """By the true difference: of equal rows every verdict is false, and at its margin a row is not within it."""
    assert false == is_false(part, Difference(value, 5, 1_000, 1e-4, 1e-4), true)


def test_a_table_of_rows_has_cells_of_its_own():
    """No two rows of a simulated table share a cell."""
    assert len({row.cell.key for row in table_of(5).rows}) == 5
