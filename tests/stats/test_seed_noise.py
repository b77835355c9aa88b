"""The spread over seeds from all rows of a table: by hand, at its level, and the runs that lie far off."""

import numpy as np
import pytest
from scipy import stats

from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.seed_noise import far_runs, own_variances, seed_noise
from senet_lab.study import Run
from tests.stats.tables import FIVE, paired_runs_of


def test_the_residual_of_rows_and_seeds_by_hand():
    """Rows 1, 2 and 3 above each other, seed 1 three above seed 0, and one unit of rest: sum of squares 1/3 on 2."""
    noise = seed_noise(np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 7.0]]))

    assert (noise.freedom, pytest.approx(1 / 6)) == (2, float(noise.pooled))
    assert min(noise.of_rows) >= noise.pooled


def test_what_a_seed_does_to_every_row_drops_out():
    """Ten points more in one seed of all rows change nothing."""
    errors = np.random.default_rng(0).standard_normal((5, 3))
    shifted = errors + np.array([0.0, 10.0, -4.0])

    assert pytest.approx(float(seed_noise(errors).pooled)) == float(seed_noise(shifted).pooled)
    assert pytest.approx(own_variances(errors)) == own_variances(shifted)


def test_a_row_that_scatters_more_keeps_its_own_variance():
    """The last row's is the 60 % upper limit of its own, 2 / 1.022 of what it shows; the others have the pooled one."""
    errors = np.tile([[0.1, 0.0, -0.1]], (6, 1)) * np.array([[1], [-1], [1], [-1], [1], [30]])
    noise = seed_noise(errors)
    limit = 2 / stats.chi2.ppf(0.4, 2)

    assert pytest.approx(limit * own_variances(errors)[-1]) == noise.of_rows[-1] > noise.pooled
    assert pytest.approx([noise.pooled] * 5) == list(noise.of_rows[:5])


def test_many_tables_at_once_are_each_as_alone():
    """A further axis before the rows."""
    errors = np.random.default_rng(1).standard_normal((4, 5, 2))

    assert pytest.approx(np.array([seed_noise(one).of_rows for one in errors])) == seed_noise(errors).of_rows


def test_two_rows_or_one_seed_have_nothing_to_pool():
    """Said, not guessed."""
    for shape in ((2, 3), (5, 1)):
        with pytest.raises(ValueError, match="no noise in common"):
            seed_noise(np.zeros(shape))


@pytest.mark.parametrize("wide", [None, 0, 4], ids=["alike", "wide baseline", "wide row"])
@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_tests_with_it_hold_their_level(wide, seeds):
    """Of 4,000 tables of five equal rows at most 5 % have a false verdict (Holm), though a row scatters threefold."""
    errors = np.random.default_rng([3, seeds]).standard_normal((4_000, 5, seeds))
    if wide is not None:
        errors[:, wide] *= 3
    noise = seed_noise(errors)
    of_rows = noise.of_rows[:, 1:] + noise.of_rows[:, :1]
    distances = np.abs(errors[:, 1:].mean(axis=2) - errors[:, :1].mean(axis=2))
    p = 2 * stats.t.sf(distances / np.sqrt(of_rows / seeds), noise.freedom)

    assert (4 * p.min(axis=1) < 0.05).mean() < 0.05


def test_a_run_far_off_is_found():
    """Seed 2 of row 3 is ten points worse, where seeds differ by half a point."""
    errors = np.random.default_rng(4).standard_normal((6, 4)) / 2
    assert far_runs(errors) == ()
    errors[3, 2] += 10

    assert far_runs(errors) == ((3, 2),)


def test_of_two_seeds_it_cannot_be_told_which_is_far():
    """Both are named."""
    errors = np.random.default_rng(5).standard_normal((8, 2)) / 4
    errors[3, 1] += 10

    assert far_runs(errors) == ((3, 0), (3, 1))


def test_ordinary_tables_have_no_far_run():
    """At most one in a hundred of 300 tables, and 3 more for chance; equal errors everywhere are no reason for one."""
    random = np.random.default_rng(6)

    assert sum(bool(far_runs(random.standard_normal((6, 3)))) for _ in range(300)) <= 6
    assert far_runs(np.ones((4, 3))) == ()
    assert far_runs(np.array([[1.0, 9.0]])) == ()


def test_two_to_four_seeds_are_pooled_and_five_are_not():
    """Four rows of the table tell (4 - 1)(n - 1) degrees of freedom; from five seeds on the two rows tell n - 1."""
    cells = [row.cell for row in FIVE.rows[:4]]
    for seeds in (2, 3, 4, 5):
        runs = paired_runs_of(FIVE, [10, 11, 12, 13], seeds)
        found, alone = (runs.difference(cells[1], cells[0], pool) for pool in (cells, ()))

        assert found.freedom == (3 * (seeds - 1) if seeds < 5 else seeds - 1)
        assert alone.freedom == seeds - 1
        assert (found.value, found.image_variance) == (alone.value, alone.image_variance)


def test_rows_without_these_seeds_or_images_are_not_pooled():
    """Of the pool only the rows that ran the same seeds on the same images count."""
    cells, bits = [row.cell for row in FIVE.rows], np.arange(100) % 7 == 0
    runs = PairedRuns(())
    for cell, seeds, images in zip(cells, (2, 2, 2, 1, 2), "xxxxy", strict=True):
        for seed in range(seeds):
            runs.add(Run(cell=cell, seed=seed), images, np.roll(bits, seed).astype(np.uint8))

    assert runs.difference(cells[1], cells[0], cells).freedom == 2  # three rows, two seeds


def test_the_widest_block_tells_most():
    """Three rows with two seeds tell two degrees of freedom, two rows with four seeds three."""
    cells = [row.cell for row in FIVE.rows[:3]]
    runs = PairedRuns(())
    for cell, seeds in zip(cells, (4, 4, 2), strict=True):
        for seed in range(seeds):
            runs.add(Run(cell=cell, seed=seed), "x", (np.arange(50) % 3 == seed % 3).astype(np.uint8))

    assert runs.widest_block(cells) == (tuple(cells[:2]), (0, 1, 2, 3))
    assert runs.widest_block([row.cell for row in FIVE.rows[3:]]) == ((), ())
