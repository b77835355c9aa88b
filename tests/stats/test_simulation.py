"""A small part of benchmarks/simulate_inference.py: a few hundred studies on fewer images."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulate_inference import TRUTHS, WORLDS, coverage, false_verdicts, is_false, table_of
from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import Difference
from senet_lab.study.claim import Equivalent, Lower, NotWorse

WORLD = replace(WORLDS[2], images=1_000)
PLAN = SequentialPlan(table="", protocol="", most_seeds=4, level=0.05)


def test_the_simulated_truth_is_true():
    """The errors of many runs have the mean that the model is said to have, within four standard errors."""
    wrong = WORLD.wrong((6.0, 20.0), 400, np.random.default_rng(0))
    by_run = 100 * wrong.mean(axis=2)

    for row, error in zip(by_run, (6.0, 20.0), strict=True):
        # Images are shared by all runs, so their spread does not shrink with the runs.
        assert abs(row.mean() - error) < 4 * np.sqrt(error * (100 - error) / 1_000)
    assert by_run[0].std() > 0.5


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_cover_the_truth(seeds):
    """Of 800 intervals of 200 studies, 92.5 to 97.5 % hold the true difference."""
    assert 92.5 < coverage(WORLD, seeds, 200)["coverage_pct"] < 97.5


@pytest.mark.parametrize("truth", TRUTHS, ids=[truth.name for truth in TRUTHS])
def test_false_verdicts_are_rare(truth):
    """In 100 tables at most 9 with a false verdict, where up to 5 are expected; and the same over all looks."""
    assert false_verdicts(WORLD, truth, 3, 100, None)["tables_with_false_verdict_pct"] <= 9
    assert false_verdicts(WORLD, truth, PLAN.most_seeds, 50, PLAN)["tables_with_false_verdict_pct"] <= 10


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
