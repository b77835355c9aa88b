"""Kendall's tau between published and measured order, against scipy's and on orders that are known."""

import numpy as np
import pytest
from scipy import stats

from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.rank_agreement import agreement_of, order_of, tau_b
from senet_lab.study import Run
from tests.samples import PLAIN, SE, TABLE


def test_tau_is_kendalls_with_ties():
    """tau-b of random lines with ties, as scipy has it."""
    random = np.random.default_rng(0)
    x, y = random.integers(4, size=6).astype(float), random.integers(4, size=(20, 6)).astype(float)

    assert [pytest.approx(stats.kendalltau(x, line).statistic) for line in y] == list(tau_b(x, y))


def runs(errors, seeds=2, images=2_000, seed=0):
    """K x n x N: rows with these shares of wrong images, independent."""
    random = np.random.default_rng(seed)
    return [(random.random((seeds, images)) < error).astype(np.uint8) for error in errors]


def test_a_clear_order_has_a_narrow_interval():
    """Rows ten points apart in the published order: 1 from 1 to 1; in the reverse order -1."""
    wrong = runs((0.1, 0.2, 0.3, 0.4))

    found = order_of([1.0, 2.0, 3.0, 4.0], wrong)
    assert (found.tau, found.low, found.high, found.rows, found.seeds) == (1.0, 1.0, 1.0, 4, 2)
    assert order_of([4.0, 3.0, 2.0, 1.0], wrong).tau == -1.0


def test_rows_that_are_equal_have_a_wide_interval():
    """Five rows with the same true error tell nothing of an order: the interval has both signs."""
    found = order_of([1.0, 2.0, 3.0, 4.0, 5.0], runs((0.2,) * 5))

    assert found.low < 0 < found.high
    assert found.high - found.low > 0.9


def test_the_same_records_give_the_same_interval():
    """The bootstrap's stream is fixed; another set of images gives another interval."""
    published = [1.0, 2.0, 3.0, 4.0, 5.0]

    assert order_of(published, runs((0.2,) * 5)) == order_of(published, runs((0.2,) * 5))
    assert order_of(published, runs((0.2,) * 5)) != order_of(published, runs((0.2,) * 5, seed=1))


def test_no_order_where_nothing_is_ordered():
    """All published numbers equal, or two rows, or no common seed: no line."""
    one = PairedRuns(())
    for cell, seed in ((PLAIN, 0), (SE, 0)):
        one.add(Run(cell=cell, seed=seed), "x", np.arange(10) % 2)

    assert order_of([1.0, 1.0, 1.0], runs((0.1, 0.2, 0.3))) is None
    assert agreement_of(one, TABLE, {"plain": 24.8, "SE": 23.3}) is None
