"""Power of plans and the seeds that they need: against simulated looks, and in cases with a known answer."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from senet_lab.errors import StudyError
from senet_lab.records.cost import CostModel
from senet_lab.records.sequential import SequentialPlan
from senet_lab.report.wording import needs_data, needs_text
from senet_lab.stats.difference import Difference
from senet_lab.stats.families import family_of
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.power_analysis import Design, Spread, limit_of_images, pilot_spread, powers, seeds_needed
from senet_lab.stats.seeds_needed import Obstacle, needs_of
from senet_lab.stats.verdicts import p_values
from senet_lab.study import Row, Run, SESpec
from senet_lab.study.claim import Claim, Equivalent, LargerGain, Lower, NotWorse
from tests.samples import PLAIN, SE, TABLE, finished
from tests.stats.tables import FIVE, paired_runs_of

LOWER, NOT_WORSE, EQUIVALENT = Lower("a", "b"), NotWorse("a", "b", 0.5), Equivalent("a", "b", 0.5)
TWO_ROWS = Design(rows=2, comparisons=3, resolve=0.5)
SPREAD = Spread(0.12, 0.004, 4)


def simulated(part, most, true, studies=400):
    """The share of plans of two rows that find the part, by the p-values that reports take."""
    random, found = np.random.default_rng(5), 0
    plan = SequentialPlan(table="", protocol="", most_seeds=most, level=0.05)
    for _ in range(studies):
        seeds = true + random.standard_normal(most) * math.sqrt(SPREAD.seeds)
        of_images = random.standard_normal() * math.sqrt(SPREAD.images)
        found += any(
            TWO_ROWS.comparisons
            * p_values(
                part,
                Difference(seeds[:n].mean() + of_images, n, 10_000, float(seeds[:n].var(ddof=1)) / n, SPREAD.images),
            )[0]
            < plan.level_at(n)
            for n in plan.looks()
        )
    return found / studies


@pytest.mark.parametrize(
    ("most", "part", "true"),
    [
        pytest.param(4, LOWER, -0.5, id="4-lower"),
        pytest.param(4, NOT_WORSE, 0.0, id="4-not worse", marks=pytest.mark.slow),
        pytest.param(4, EQUIVALENT, 0.0, id="4-equivalent", marks=pytest.mark.slow),
        pytest.param(9, LOWER, -0.5, id="9-lower", marks=pytest.mark.slow),
        pytest.param(9, NOT_WORSE, 0.0, id="9-not worse"),
        pytest.param(9, EQUIVALENT, 0.0, id="9-equivalent"),
    ],
)
def test_power_is_that_of_the_plan(part, true, most):
    """What is planned for is what 400 plans do over all their looks, within four standard errors."""
    power = powers(part, SPREAD, TWO_ROWS)[most]

    assert abs(power - simulated(part, most, true)) < 4 * math.sqrt(max(power * (1 - power), 0.01) * (1 / 400 + 1e-3))


def test_other_rows_tell_the_spread_too():
    """With three seeds, eight rows see what two rows hardly ever do."""
    alone, many = (powers(LOWER, Spread(0.03, 0.0, 4), replace(TWO_ROWS, rows=rows))[3] for rows in (2, 8))

    assert many > alone + 0.3


def test_the_seeds_needed_are_the_fewest():
    """80 % power with them, less with any fewer."""
    seeds, power = seeds_needed(LOWER, SPREAD, TWO_ROWS), powers(LOWER, SPREAD, TWO_ROWS)

    assert power[seeds] >= 0.8 > max(power[fewer] for fewer in range(2, seeds))


def test_a_pilot_is_planned_with_its_upper_limit():
    """The 80 % upper limit of a variance on four degrees of freedom is 4 / 1.649 times it, and takes more seeds."""
    assert pytest.approx(0.12 * 4 / stats.chi2.ppf(0.2, 4)) == SPREAD.upper.seeds
    assert seeds_needed(LOWER, SPREAD.upper, TWO_ROWS) > seeds_needed(LOWER, SPREAD, TWO_ROWS)


def test_images_bound_what_seeds_can_settle():
    """With the normal's quantiles at 5 %; below it no number is enough."""
    spread, one = Spread(0.01, 0.04, 4), Design(rows=2, comparisons=1, resolve=0.5)
    limit = limit_of_images(LOWER, spread, 1)

    assert pytest.approx(0.2 * (stats.norm.isf(0.025) + stats.norm.isf(0.2))) == limit
    assert seeds_needed(LOWER, spread, replace(one, resolve=0.95 * limit)) is None
    assert seeds_needed(LOWER, spread, replace(one, resolve=1.3 * limit)) is not None


def test_a_gain_is_compared_at_twice_the_variance():
    """Two differences vary twice as one, over seeds and over images, and with three seeds on three degrees."""
    gains, twice = LargerGain("a", "b", "c", "d"), Spread(0.24, 0.008, 4)
    many = range(6, 15)  # own variances alone, so that the number of rows does not matter

    assert pytest.approx(limit_of_images(LOWER, twice, 3)) == limit_of_images(gains, SPREAD, 3)
    of_gains, of_pair = (powers(part, spread, TWO_ROWS) for part, spread in ((gains, SPREAD), (LOWER, twice)))
    assert max(abs(of_gains[most] - of_pair[most]) for most in many) < 0.08
    assert seeds_needed(gains, SPREAD, TWO_ROWS) > seeds_needed(LOWER, SPREAD, TWO_ROWS)


def test_a_pilot_is_told_from_all_rows():
    """Five rows, three seeds, 0.3 points a run: twice 0.09 and the noise of images, on eight degrees of freedom."""
    found = [pilot_spread(paired_runs_of(FIVE, (10,) * 5, 3, seed=i), family_of(FIVE, [])) for i in range(30)]

    assert {spread.freedom for spread in found} == {8}
    assert 0.18 < np.mean([spread.seeds for spread in found]) < 0.8
    assert pilot_spread(PairedRuns(()), family_of(FIVE, [])) is None


RECORDS = [finished(cell, seed, wrong) for cell, wrong in ((PLAIN, 210), (SE, 200)) for seed in (0, 1, 2)]
CLAIM = Claim(name="c", table=TABLE, statement="s", source="", parts=(Equivalent("SE", "plain", 0.5),))
MODEL = CostModel(RECORDS, {})


def test_a_plan_says_what_each_comparison_takes():
    """Identical seeds: three or fewer are enough for ten points, and images forbid half a point of equality."""
    needs = needs_of(TABLE, [CLAIM], RECORDS, MODEL, 10.0, None)
    lower, equal = needs.comparisons

    assert lower.seeds <= lower.upper_seeds <= 4
    assert (lower.cost.runs, lower.obstacle) == (2 * lower.upper_seeds, None)
    assert equal.obstacle is Obstacle.IMAGES
    assert "SE < plain" in needs_text(needs)
    assert "not settled by any number of seeds: by the pilot's image variance, " in needs_text(needs)
    assert needs_data(needs)["comparisons"][1]["part"] == "SE = plain ± 0.5"


def test_records_before_a_plan_are_not_counted_and_those_of_a_plan_are():
    """Without a plan every seed is to be trained anew, from seed 3 on; a plan from seed 0 on has three of them."""
    plan = SequentialPlan(table=TABLE.slug, protocol="sample", most_seeds=10, level=0.05)
    fresh, begun = (needs_of(TABLE, [], RECORDS, MODEL, 10.0, None, one) for one in (None, plan))

    assert (fresh.first_seed, begun.first_seed) == (3, 0)
    assert "a plan begins with seed 3" in needs_text(fresh)
    assert fresh.cost.runs == 2 * fresh.comparisons[0].upper_seeds
    assert begun.cost.runs == max(0, 2 * (begun.comparisons[0].upper_seeds - 3))


def test_what_a_begun_plan_has_settled_is_not_planned_again():
    """Ten points at the first look of two seeds: no runs, no price, and the plan's number of seeds is told."""
    plan = SequentialPlan(table=TABLE.slug, protocol="sample", most_seeds=3, level=0.05)
    wide = [finished(cell, s, w) for cell, w in ((PLAIN, 400), (SE, 100)) for s in (0, 1, 2)]
    needs = needs_of(TABLE, [], wide, MODEL, 0.1, None, plan)

    assert [(need.obstacle, need.cost.runs) for need in needs.comparisons] == [(Obstacle.SETTLED, 0)]
    assert (needs.plan_seeds, needs.cost.runs) == (3, 0)
    assert "settled by the plan" in needs_text(needs)
    assert "has at most 3 seeds, which cannot change" in needs_text(needs)
    assert needs_text(needs).endswith("every comparison is settled")


def test_only_rows_of_one_protocol_help_to_estimate_the_spread():
    """As in verdicts: two rows of each of two protocols are planned for as two, not as four."""
    other = replace(PLAIN.protocol, name="other")
    theirs = [replace(cell, protocol=other) for cell in (PLAIN, SE)]
    rows = (*TABLE.rows, Row("a", theirs[0], baseline="a"), Row("b", theirs[1], baseline="a"))
    records = [*RECORDS, *(finished(cell, s, 200 + 10 * s) for cell in theirs for s in (0, 1, 2))]
    mixed = needs_of(replace(TABLE, rows=rows), [], records, MODEL, 6.0, None).comparisons[0]
    alone = replace(needs_of(TABLE, [], RECORDS, MODEL, 6.0, None).design, comparisons=2)
    spread = needs_of(replace(TABLE, rows=rows), [], records, MODEL, 6.0, None).spread

    assert alone.rows == 2
    assert mixed.seeds == seeds_needed(mixed.part, spread, alone)


def test_a_plan_begins_after_seeds_that_are_recorded_elsewhere():
    """Equal seeds give equal runs, whichever folder they lie in. Seeds of rows of other tables do not count."""
    other = replace(SE, se=SESpec(reduction=2))
    needs = needs_of(TABLE, [], RECORDS, MODEL, 10.0, None, seen=[finished(SE, 6), finished(other, 9)])

    assert needs.first_seed == 7


def test_the_projects_records_give_the_spread_where_the_folder_has_too_few():
    """A folder without a record, or with one seed; its own records come first, and the text says whose they are."""
    by_own = needs_of(TABLE, [], RECORDS, MODEL, 10.0, None, seen=[finished(PLAIN, s, 100 * s) for s in (0, 1)])
    for few in ([], [finished(PLAIN, 0), finished(SE, 0)]):
        needs = needs_of(TABLE, [], few, MODEL, 10.0, None, seen=RECORDS)

        assert (by_own.spread, by_own.elsewhere) == (needs.spread, not needs.elsewhere)
        assert "(by the project's records, since this folder has too few)" in needs_text(needs)
    assert "project's records" not in needs_text(by_own)


def test_missing_runs_are_counted_and_priced():
    """Seeds that differ by a point: each 12.5 seconds, a shared row once; too dear is no answer."""
    records = [finished(cell, s, w + 10 * s * (cell is SE)) for cell, w in ((PLAIN, 210), (SE, 200)) for s in (0, 1, 2)]
    needs = needs_of(TABLE, [], records, MODEL, 6.0, None)
    (need,) = needs.comparisons
    (dear,) = needs_of(TABLE, [], records, MODEL, 6.0, 1e-6).comparisons

    assert need.upper_seeds > need.seeds >= 3
    assert 2 * need.upper_seeds == need.cost.runs == needs.cost.runs
    assert pytest.approx(12.5 * need.cost.runs) == needs.cost.seconds
    assert dear.obstacle is Obstacle.HOURS
    assert f"not settled: {need.seeds} to {need.upper_seeds} seeds would take" in needs_text(
        needs_of(TABLE, [], records, MODEL, 6.0, 1e-6)
    )


def test_without_a_pilot_there_is_no_plan():
    """One seed of each row: the answer says how to get a pilot."""
    with pytest.raises(StudyError, match="train a pilot first: --seeds 2"):
        needs_of(TABLE, [], [finished(PLAIN, 0), finished(SE, 0)], MODEL, 1.0, None)
    with pytest.raises(StudyError, match="must be a difference above 0 points"):
        needs_of(TABLE, [], RECORDS, MODEL, 0.0, None)


def test_another_table_may_be_the_pilot():
    """The rows of the pilot, not those of the table, give the spread, and the page says so."""
    ratio = replace(SE, se=SESpec(reduction=4))
    pilot = replace(TABLE, number="98", rows=(TABLE.rows[0], Row("r=4", ratio)))
    by_ratio = [finished(ratio, seed, 205 + 20 * seed) for seed in (0, 1)]
    records = [finished(PLAIN, 0, 210), finished(PLAIN, 1, 210), finished(SE, 0, 200), *by_ratio]
    needs = needs_of(TABLE, [], records, MODEL, 10.0, None, pilot=pilot)
    of_pilot = f" in {pilot.name}, taken to be that of these rows: 1.41 points from seed to seed"

    assert needs.spread == pilot_spread(PairedRuns(records), family_of(pilot, []))
    assert (needs.spread.freedom, round(needs.spread.seeds, 1)) == (1, 2.0)
    assert needs.comparisons[0].now == replace(needs.comparisons[0].now, value=-1.0, seeds=1)
    assert f"spread of a paired difference{of_pilot}" in needs_text(needs)
    assert f"in {TABLE.name}" not in needs_text(needs_of(TABLE, [], RECORDS, MODEL, 10.0, None))


def test_a_pilot_without_two_seeds_or_under_another_protocol_is_refused():
    """The table that lacks its seeds is named, or both protocols."""
    pilot = replace(TABLE, number="98")
    other = pilot.under(replace(PLAIN.protocol, name="other"))

    with pytest.raises(StudyError, match=f"{pilot.name} has no two compared rows with two equal seeds"):
        needs_of(TABLE, [], [finished(PLAIN, 0), finished(SE, 0)], MODEL, 1.0, None, pilot=pilot)
    with pytest.raises(StudyError, match=r"another protocol \(other\) than .* \(sample\)"):
        needs_of(TABLE, [], RECORDS, MODEL, 1.0, None, pilot=other)


def test_a_pilot_whose_seeds_agree_does_not_promise_too_much():
    """No spread over seeds is below that of the interaction, neither in the plan nor in the tests that it is for."""
    part, design = Lower("a", "b"), Design(rows=2, comparisons=1, resolve=0.8)
    short, honest = (seeds_needed(part, Spread(seeds, 0.01, 2, rest=0.3), design) for seeds in (0.01, 0.3))
    bits = np.zeros((2, 2, 10_000), dtype=np.uint8)
    for cell, first in ((0, 0), (1, 4_000)):
        for seed in (0, 1):
            bits[cell, seed, first + 1_000 * seed :][: 400 + 50 * cell] = 1  # other images at each seed, as many
    runs = PairedRuns(())
    for cell, of_cell in zip((PLAIN, SE), bits, strict=True):
        for seed in (0, 1):
            runs.add(Run(cell=cell, seed=seed), "images", of_cell[seed])
    lucky = pilot_spread(runs, family_of(TABLE, ()))

    assert short < honest
    assert lucky.seeds == lucky.rest > 0
