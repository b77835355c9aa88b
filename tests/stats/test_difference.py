"""Paired differences: their variance by hand, intervals and p-values against distributions that are known exactly."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from senet_lab.report.wording import difference_text
from senet_lab.stats.difference import (
    Difference,
    critical,
    difference_of,
    half_width,
    holm,
    p_above,
    p_below,
    tail,
    with_seed_noise,
)
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study import Run
from tests.samples import PLAIN, SE

STEP = 1.0**2  # of an error over 100 images, in squared points


def only_seeds(seeds: int, variance: float = 1.0) -> Difference:
    return Difference(0.0, seeds, 10_000, variance, 0.0)


def only_images(seeds: int, variance: float = 1.0) -> Difference:
    return Difference(0.0, seeds, 10_000, 0.0, variance)


def test_a_difference_of_seeds_alone_is_students():
    """Rows that differ by 10 and 30 points everywhere: mean 20, variance of the mean 200 / 2, no image's part."""
    wrong, other = np.zeros((2, 100)), np.zeros((2, 100))
    wrong[0, :10] = 1
    wrong[1, :30] = 1
    found = difference_of(wrong, other)

    assert (pytest.approx(20.0), 2, 100) == (found.value, found.seeds, found.images)
    assert pytest.approx((200.0 + STEP / 8) / 2) == found.seed_variance


def test_the_parts_of_the_variance_add_up_by_hand():
    """Two seeds, four images, an additive table: seeds ±25 points, images 0, 0, 50, 50 above, and no rest."""
    table = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    found = difference_of(table, np.zeros((2, 4)))

    assert pytest.approx(50.0) == found.value
    assert pytest.approx((2 * 25.0**2 + 25.0**2 / 8) / 2) == found.seed_variance  # s² / n with n - 1 in s²
    assert pytest.approx((4 * 25.0**2 / 3) / 4) == found.image_variance


def test_the_rest_counts_once():
    """Independent noise has the variance of its mean, s² / (n N), though it is seen over seeds and over images."""
    noise = np.random.default_rng(0).standard_normal((40, 2_000))
    found = difference_of(noise, np.zeros_like(noise))

    assert pytest.approx(found.variance, rel=0.3) == 100**2 / (40 * 2_000)
    assert found.image_variance < 0.1 * found.variance


def test_one_seed_knows_images_alone():
    """No variance over seeds, McNemar's over images, and no p-value below 1."""
    wrong, other = np.zeros((1, 1_000)), np.zeros((1, 1_000))
    wrong[0, :50], other[0, 40:60] = 1, 1
    found = difference_of(wrong, other)

    assert found.seed_variance is None
    assert pytest.approx(3.0) == found.value
    assert pytest.approx(100**2 * (0.05 - 0.03**2) / 999) == found.image_variance
    assert (p_below(found), p_above(found)) == (1.0, 1.0)


def test_rows_that_do_not_face_each_other_are_refused():
    """Another number of seeds or images, or a single image."""
    for shapes in (((2, 10), (3, 10)), ((2, 10), (2, 11)), ((2, 1), (2, 1))):
        with pytest.raises(ValueError, match="cannot be paired"):
            difference_of(*(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("seeds", [2, 3, 5, 9])
def test_without_a_part_of_images_it_is_students_test(seeds):
    """Half-width and tail are t's of n - 1 degrees of freedom, far into the tail."""
    assert stats.t.isf(0.025, seeds - 1) == pytest.approx(half_width(only_seeds(seeds), 0.95), rel=1e-6)
    for distance in (0.5, 3.0, 30.0):
        assert stats.t.sf(distance, seeds - 1) == pytest.approx(tail(only_seeds(seeds), distance), rel=1e-5)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_without_a_part_of_seeds_it_is_normal(seeds):
    """However few seeds: nothing of the variance is theirs."""
    assert stats.norm.isf(0.025) == pytest.approx(half_width(only_images(seeds), 0.95), rel=1e-6)
    assert stats.norm.sf(2.5) == pytest.approx(tail(only_images(seeds), 2.5), rel=1e-6)


def seen_variances(seeds, share, nodes=40):
    """The seeds' variances that studies happen to see where the true one is ``share``, and how likely each is.

    A quadrature, dense where little spread is seen: its results are those of 4,000 equal steps to 0.0003.
    """
    x, weights = np.polynomial.legendre.leggauss(nodes)
    u = (x + 1) / 2
    return share * stats.chi2.ppf(u**2, seeds - 1) / (seeds - 1), weights * u


@pytest.mark.parametrize("seeds", [2, 3, 4, 5, 10])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.95])
def test_intervals_cover_what_they_say(seeds, share):
    """The exact coverage, integrated over the spread that a study happens to see: 93.5 to 96.5 %; with two seeds never
    below 95 %."""
    seen, likely = seen_variances(seeds, share)
    widths = np.array([half_width(Difference(0.0, seeds, 10_000, v, 1 - share), 0.95) for v in seen])
    coverage = float((2 * stats.norm.cdf(widths) - 1) @ likely)

    assert 0.935 < coverage < (0.99 if seeds == 2 else 0.965)
    assert seeds > 2 or coverage > 0.949


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_tests_are_wrong_at_most_as_often_as_they_say(seeds, share, level):
    """The exact chance of p < level where the truth is zero, at small levels too."""
    seen, likely = seen_variances(seeds, share)
    distances = critical(seen, 1 - share, seeds - 1, level)
    chance = stats.norm.sf(distances) @ likely

    assert pytest.approx(level) == tail(Difference(0.0, seeds, 10_000, seen[7], 1 - share), distances[7])
    assert 0.05 * level < chance < 1.02 * level


def test_p_values_are_about_their_side_and_limit():
    """-1 ± is below 0, not above; against a limit of -2 it is the other way round; both sides add up to one."""
    found = Difference(-1.0, 5, 10_000, 0.02, 0.02)

    assert p_below(found) < 0.01 < 0.99 < p_above(found)
    assert p_above(found, -2.0) < 0.01
    assert pytest.approx(1.0) == p_below(found, -0.5) + p_above(found, -0.5)


def test_rows_without_any_difference_settle_nothing():
    """The same answers everywhere: no difference, a width below two images, even odds."""
    same = np.ones((3, 1_000))
    found = difference_of(same, same)

    assert found.value == 0.0
    assert 0.0 < found.half_width < 0.2
    assert pytest.approx(0.5) == p_below(found) == p_above(found)


def test_two_seeds_with_the_same_difference_are_no_proof():
    """Both have 23 images of 10,000 fewer wrong: with whole images that happens by chance, and p says so."""
    wrong, other = np.zeros((2, 10_000)), np.zeros((2, 10_000))
    other[0, :23], other[1, 5_000:5_023] = 1, 1
    found = difference_of(wrong, other)

    assert pytest.approx(-0.23) == found.value
    assert p_below(found) > 0.001


def test_holms_adjustment_by_hand():
    """0.01 · 4, 0.02 · 3, then no smaller than before, and never above one."""
    found = holm({"d": 0.9, "a": 0.01, "c": 0.03, "b": 0.02})

    assert pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.9}) == found
    assert holm({}) == {}


def paired(**runs: dict[int, tuple[str, list[int]]]) -> PairedRuns:
    found = PairedRuns(())
    for name, of_cell in runs.items():
        for seed, (images, wrong) in of_cell.items():
            found.add(Run(cell={"se": SE, "plain": PLAIN}[name], seed=seed), images, np.array(wrong, dtype=np.uint8))
    return found


def test_runs_on_other_images_are_not_paired():
    """Seed 1 of the two rows was evaluated on different images, seed 2 on others than seed 0: only seed 0 is left."""
    found = paired(
        se={0: ("x", [1, 0, 0]), 1: ("x", [1, 1, 0]), 2: ("y", [0, 0, 0])},
        plain={0: ("x", [1, 1, 0]), 1: ("y", [0, 0, 0]), 2: ("y", [0, 0, 0])},
    )

    assert found.common_seeds((SE, PLAIN)) == (0,)
    assert pytest.approx(-100 / 3) == found.difference(SE, PLAIN).value


def test_a_look_needs_all_of_its_seeds():
    """The first two seeds are there, the first three are not; seed 5 counts where no look is asked for."""
    one = {seed: ("x", [seed % 2, 1, 0]) for seed in (0, 1, 5)}
    found = paired(se=one, plain=one)

    assert (found.seeds_of_look((SE, PLAIN), 0, 2), found.difference(SE, PLAIN).seeds) == ((0, 1), 3)
    assert found.seeds_of_look((SE, PLAIN), 0, 3) is None
    assert found.difference(SE, PLAIN, (), (0, 5)).seeds == 2
    assert found.difference(SE, PLAIN, (), (0, 4)) is None


def test_the_next_seed_stands_in_for_one_that_failed():
    """Seed 1 failed in one of two rows: a look at two seeds is over seeds 0 and 2, one at three waits for seed 3."""
    one = {seed: ("x", [seed % 2, 1, 0]) for seed in (0, 2)}
    found = paired(se=one, plain=one | {1: ("x", [1, 0, 0])})
    found.add_failed(Run(cell=SE, seed=1))

    assert found.seeds_of_look((SE, PLAIN), 0, 2) == (0, 2)
    assert found.seeds_of_look((SE, PLAIN), 0, 3) is None
    assert found.seeds_of_look((SE, PLAIN), 2, 1) == (2,)


def test_pooled_noise_takes_the_place_of_the_pairs_own():
    """Variances 0.2 and 0.4 of a run at 4 seeds: 0.15 of the mean, the step of an image added, 12 degrees of freedom;
    t of 12 in place of t of 3."""
    own = Difference(-1.0, 4, 10_000, 5.0, 0.0)
    found = with_seed_noise(own, (0.2, 0.4), 12)

    assert pytest.approx((0.6 + 0.01**2 / 8) / 4) == found.seed_variance
    assert pytest.approx(stats.t.isf(0.025, 12) * found.variance**0.5) == found.half_width
    assert pytest.approx(stats.t.sf(1 / found.variance**0.5, 12), rel=1e-5) == p_below(found)


def test_seeds_that_happen_to_agree_are_not_taken_for_certainty():
    """Two seeds with one difference, whose networks disagree on many images: by the t over seeds alone, the interval is
    far narrower than what those images show. It is no narrower than the interaction and the images give."""
    wrong, other = np.zeros((2, 10_000), dtype=np.uint8), np.zeros((2, 10_000), dtype=np.uint8)
    for seed, (first, second) in enumerate(((0, 2_000), (4_000, 6_000))):
        wrong[seed, first : first + 400] = 1
        other[seed, second : second + 450] = 1
    found = difference_of(wrong, other)
    blind = replace(found, rest_variance=0.0)

    assert found.value == -0.5
    assert blind.half_width < 0.1 < 1.9 * math.sqrt(found.rest_variance) < found.half_width
    assert tail(blind, 0.5) < 0.005 < tail(found, 0.5)
    for spread in (0.1, 0.3, 1.0):  # ordinary seeds keep their intervals and p-values
        ordinary = replace(found, seed_variance=spread, pooled_freedom=8)
        assert ordinary.half_width == replace(ordinary, rest_variance=0.0).half_width
        assert tail(ordinary, 0.5) == pytest.approx(tail(replace(ordinary, rest_variance=0.0), 0.5), rel=0.2)


def test_one_seed_on_few_photos_is_not_certain():
    """Rows that are wrong on the same 20 photos, or on none and all of them: another photo may show the opposite."""
    same, none = np.ones((1, 20), dtype=np.uint8), np.zeros((1, 20), dtype=np.uint8)

    assert difference_of(same, same).half_width == pytest.approx(1.96 * 5, rel=1e-3)
    assert difference_of(same, none).half_width == pytest.approx(1.96 * 5, rel=1e-3)


def test_detectors_that_found_nothing_say_nothing():
    """An AP of 0 at each seed has no spread; that is no proof of a difference within any margin."""
    found = Difference(0.0, 2, 100, 0.0, 0.0, stepping=False)

    assert (found.half_width, tail(found, 1.0), tail(found, 0.0)) == (0.0, 1.0, 1.0)
    assert difference_text(found) == "+0.00 (no spread, no interval)"


@pytest.mark.parametrize("freedom", [1, 2, 4, 12])
def test_less_spread_never_makes_a_wider_interval(freedom):
    """Where the seeds' spread falls below that of the interaction, the interval goes on falling, without a step."""
    spreads = (2.0, 1.001, 1.0, 0.999, 0.5, 0.1, 0.0)
    widths = [Difference(0.0, 3, 10_000, s, 1.0, freedom, rest_variance=1.0).half_width for s in spreads]

    assert widths == sorted(widths, reverse=True)
    assert widths[1] - widths[3] < 0.01 * widths[2]
    assert widths[-1] >= 1.95 * math.sqrt(2.0)
