"""Power and seeds: against simulated tests, and in cases with a known answer."""

import math

import numpy as np
import pytest
from scipy import stats

from senet_lab.errors import StudyError
from senet_lab.report.wording import needs_data, needs_text
from senet_lab.stats.difference import Difference
from senet_lab.stats.power_analysis import MOST_SEEDS, Spread, limit_of_images, pooled, power_of, seeds_needed
from senet_lab.stats.seeds_needed import needs_of
from senet_lab.stats.verdicts import p_values
from senet_lab.study.claim import Claim, Equivalent, Lower, NotWorse
from tests.samples import PLAIN, SE, TABLE, finished

LOWER, NOT_WORSE, EQUIVALENT = Lower("a", "b"), NotWorse("a", "b", 0.5), Equivalent("a", "b", 0.5)


def simulated(part, spread, seeds, level, true, studies=1_500):
    """The share of studies in which the part is found, with the true difference."""
    random, found = np.random.default_rng(5), 0
    for _ in range(studies):
        seen = spread.seeds / seeds * random.chisquare(seeds - 1) / (seeds - 1)
        value = true + random.standard_normal() * math.sqrt(spread.seeds / seeds + spread.images)
        found += p_values(part, Difference(value, seeds, 10_000, seen, spread.images))[0] < level
    return found / studies


@pytest.mark.parametrize(
    ("part", "true"), [(LOWER, -0.5), (NOT_WORSE, 0.0), (EQUIVALENT, 0.0)], ids=["lower", "not worse", "equivalent"]
)
@pytest.mark.parametrize("seeds", [2, 4, 9])
def test_power_is_that_of_the_test(part, true, seeds):
    """What is computed is what 1,500 tests find, within four standard errors."""
    spread = Spread(0.12, 0.01, 4)
    power = power_of(part, spread, seeds, 0.05, 0.5)

    assert abs(power - simulated(part, spread, seeds, 0.05, true)) < 4 * math.sqrt(
        max(power * (1 - power), 0.01) / 1_500
    )


def test_the_seeds_needed_are_the_fewest():
    """80 % power with them, less with one fewer."""
    spread = Spread(0.12, 0.001, 4)
    seeds = seeds_needed(LOWER, spread, 0.05, 0.5)

    assert power_of(LOWER, spread, seeds, 0.05, 0.5) >= 0.8 > power_of(LOWER, spread, seeds - 1, 0.05, 0.5)


def test_images_bound_what_seeds_can_settle():
    """With the normal's quantiles, 1.96 + 0.84 standard deviations of the images; below it no number is enough."""
    spread = Spread(0.01, 0.04, 4)
    limit = limit_of_images(LOWER, spread, 0.05)

    assert pytest.approx(0.2 * (stats.norm.isf(0.025) + stats.norm.isf(0.2))) == limit
    assert seeds_needed(LOWER, spread, 0.05, 0.95 * limit) is None
    assert seeds_needed(LOWER, spread, 0.05, 1.2 * limit) < MOST_SEEDS


def test_pilots_are_pooled_by_their_degrees_of_freedom():
    """Per seed 2·1 = 2 on one degree and 3·2 = 6 on two make 14/3; one seed says nothing of seeds."""
    found = pooled([Difference(0, 2, 9, 1.0, 0.1), Difference(0, 3, 9, 2.0, 0.3), Difference(0, 1, 9, None, 0.5)])

    assert pytest.approx((14 / 3, 0.2)) == (found.seeds, found.images)
    assert found.pilots == 3
    assert pooled([Difference(0, 1, 9, None, 0.5)]) is None


RECORDS = [finished(cell, seed, wrong) for cell, wrong in ((PLAIN, 210), (SE, 200)) for seed in (0, 1, 2)]
CLAIM = Claim(name="c", table=TABLE, statement="", source="", parts=(Equivalent("SE", "plain", 0.5),))


def test_a_plan_says_what_each_comparison_takes():
    """Identical seeds: two are enough for ten points, images forbid half a point of equality, nothing is missing."""
    needs = needs_of(TABLE, [CLAIM], RECORDS, 10.0, None)
    lower, equal = needs.comparisons

    assert (lower.seeds, lower.missing_runs, lower.seconds) == (2, 0, 0.0)
    assert equal.seeds is None
    assert "by no number of seeds" in equal.why_not
    assert "SE < plain" in needs_text(needs)
    assert needs_data(needs)["comparisons"][1]["part"] == "SE = plain ± 0.5"


def test_missing_runs_are_counted_and_priced():
    """Seeds that differ by a point: more are needed, each 12.5 seconds, a shared row once; too dear is no answer."""
    records = [finished(cell, s, w + 10 * s * (cell is SE)) for cell, w in ((PLAIN, 210), (SE, 200)) for s in (0, 1, 2)]
    needs = needs_of(TABLE, [], records, 3.0, None)
    (need,) = needs.comparisons
    (dear,) = needs_of(TABLE, [], records, 3.0, 1e-6).comparisons

    assert need.seeds > 3
    assert 2 * (need.seeds - 3) == need.missing_runs == needs.missing_runs
    assert pytest.approx(12.5 * need.missing_runs) == needs.seconds
    assert (dear.seeds, dear.missing_runs) == (None, 0)
    assert "would take" in dear.why_not


def test_without_a_pilot_there_is_no_plan():
    """One seed of each row: the answer says how to get a pilot."""
    with pytest.raises(StudyError, match="train a pilot first: --seeds 2"):
        needs_of(TABLE, [], [finished(PLAIN, 0), finished(SE, 0)], 1.0, None)
    with pytest.raises(StudyError, match="must be a difference above 0 points"):
        needs_of(TABLE, [], RECORDS, 0.0, None)
