"""The order of rows, published against measured: pairs that tests decide, and tau as a description."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from senet_lab.records.sequential import SequentialPlan
from senet_lab.report.wording import order_text
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.rank_agreement import agreement_of
from senet_lab.study import Run
from tests.samples import PLAIN, SE, TABLE
from tests.stats.tables import FIVE, paired_runs_of

PUBLISHED = {row.label: 20.0 + i for i, row in enumerate(FIVE.rows)}
APART = (5.0, 10.0, 15.0, 20.0, 25.0)


def test_rows_far_apart_are_all_in_order():
    """Five points between rows: ten pairs in the published order, or against the reverse of it."""
    runs = paired_runs_of(FIVE, APART, 3)
    reverse = {label: -error for label, error in PUBLISHED.items()}
    same, other = agreement_of(runs, FIVE, PUBLISHED), agreement_of(runs, FIVE, reverse)

    assert (same.pairs, same.in_order, same.against, same.undecided, same.tau_b) == (10, 10, 0, 0, 1.0)
    assert (other.in_order, other.against, other.tau_b) == (0, 10, -1.0)


def test_equal_rows_are_undecided():
    """Nothing is said of rows with the same true error, whatever their tau."""
    found = agreement_of(paired_runs_of(FIVE, (10.0,) * 5, 3), FIVE, PUBLISHED)

    assert (found.in_order, found.against, found.undecided) == (0, 0, 10)


@pytest.mark.parametrize("seeds", [2, pytest.param(3, marks=pytest.mark.slow), 5])
def test_the_test_of_the_order_holds_its_level(seeds):
    """In 60 tables of equal rows at most 7 have any decided pair, where up to 3 are expected."""
    tables = [paired_runs_of(FIVE, (10.0,) * 5, seeds, images=300, seed=i) for i in range(60)]
    decided = [agreement_of(runs, FIVE, PUBLISHED).undecided < 10 for runs in tables]

    assert sum(decided) <= 7


def test_tau_is_kendalls_of_the_means():
    """Rows whose published errors tie with one another: tau-b, and only pairs that differ are asked about."""
    published = dict(zip(PUBLISHED, (1.0, 1.0, 2.0, 3.0, 3.0), strict=True))
    runs = paired_runs_of(FIVE, (10.0, 12.0, 9.0, 15.0, 11.0), 2)
    means = runs.errors([row.cell for row in FIVE.rows], (0, 1)).mean(axis=1)
    found = agreement_of(runs, FIVE, published)

    assert pytest.approx(stats.kendalltau(list(published.values()), means).statistic) == found.tau_b
    assert found.pairs == 8


def test_one_seed_is_no_test():
    """However far apart the rows are; the line says so."""
    found = agreement_of(paired_runs_of(FIVE, APART, 1), FIVE, PUBLISHED)

    assert (found.tested_seeds, found.undecided, found.tau_b) == (0, 10, 1.0)
    assert "none is tested yet (one seed: no test)" in order_text(found)


def test_under_a_plan_the_order_is_tested_at_the_last_look():
    """Before it nothing is tested, since the number of seeds depends on what they show; at it the first ones count."""
    plan = SequentialPlan(table="t", protocol="p", most_seeds=4, level=0.05)
    runs = paired_runs_of(FIVE, APART, 4)

    assert agreement_of(runs, FIVE, PUBLISHED, replace(plan, most_seeds=5)).tested_seeds == 0
    assert agreement_of(runs, FIVE, PUBLISHED, plan).in_order == 10
    assert agreement_of(runs, FIVE, PUBLISHED, replace(plan, most_seeds=2, first_seed=1)).tested_seeds == 2


def test_no_order_where_nothing_is_ordered():
    """All published numbers equal, or two rows, or no common seed: no line."""
    two = PairedRuns(())
    for cell, seed in ((PLAIN, 0), (SE, 0)):
        two.add(Run(cell=cell, seed=seed), "x", (np.arange(10) % 2).astype(np.uint8))

    assert agreement_of(two, TABLE, {"plain": 24.8, "SE": 23.3}) is None
    assert agreement_of(paired_runs_of(FIVE, APART, 2), FIVE, dict.fromkeys(PUBLISHED, 1.0)) is None
    assert agreement_of(PairedRuns(()), FIVE, PUBLISHED) is None


def test_the_line_counts_pairs_and_gives_no_interval():
    """Ten pairs in order, over three seeds."""
    text = order_text(agreement_of(paired_runs_of(FIVE, APART, 3), FIVE, PUBLISHED))

    assert "of 10 pairs of rows, tests put 10 in the published order and 0 in the reverse; 0 are undecided" in text
    assert "over 3 seeds" in text
    assert "a description without an interval" in text
