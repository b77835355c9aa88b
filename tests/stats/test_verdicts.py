"""Verdicts on records with known errors: each kind of part, families, sequential plans."""

from dataclasses import replace

import numpy as np
import pytest

from senet_lab.records.sequential import SequentialPlan
from senet_lab.report.wording import rule_text
from senet_lab.stats.difference import Difference, p_above, p_below
from senet_lab.stats.families import cells_of_claims, family_of
from senet_lab.stats.measured import measure_family
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import Verdict, decisions, judge, p_values
from senet_lab.study import Row, Run, SESpec
from senet_lab.study.claim import Claim, Costs, Equivalent, Lower, NotWorse, Quantity
from senet_lab.study.counts import network_key
from tests.samples import PLAIN, PROTOCOL, SE, SYNTHETIC, TABLE, counted

IMAGES = 10_000
THIRD = replace(SE, se=SESpec(reduction=8))
THREE = replace(TABLE, rows=(*TABLE.rows, Row("third", THIRD)))


def claim(*parts, table=THREE, **fields) -> Claim:
    return Claim(name="c", table=table, statement="it holds", source="here", parts=parts, **fields)


def measured(cells, errors_pct, seeds=4, noise=0.0005, shared=0.9) -> PairedRuns:
    """Runs with these errors, a little different from seed to seed, wrong on much the same images."""
    random, found = np.random.default_rng(3), PairedRuns(())
    common = random.random(IMAGES)
    for cell, error in zip(cells, errors_pct, strict=True):
        for seed in range(seeds):
            own = np.where(random.random(IMAGES) < shared, common, random.random(IMAGES))
            wrong = own < error / 100 + noise * random.standard_normal()
            found.add(Run(cell=cell, seed=seed), "images", wrong.astype(np.uint8))
    return found


def verdict_of(part, *errors_pct, seeds=4) -> Verdict:
    """Of a part about SE and plain with these errors."""
    runs = measured((PLAIN, SE), errors_pct, seeds)
    (result,) = judge(TABLE, [claim(part, table=TABLE)], runs, {}).claims
    return result.verdict


@pytest.mark.parametrize(
    ("part", "plain", "se", "verdict"),
    [
        (Lower("SE", "plain"), 8.0, 6.0, Verdict.SUPPORTED),
        (Lower("SE", "plain"), 6.0, 8.0, Verdict.CONTRADICTED),
        (Lower("SE", "plain"), 6.0, 6.0, Verdict.UNDETERMINED),
        (NotWorse("SE", "plain", 1.5), 6.0, 6.0, Verdict.SUPPORTED),
        (NotWorse("SE", "plain", 1.5), 6.0, 3.0, Verdict.SUPPORTED),
        (NotWorse("SE", "plain", 0.5), 6.0, 9.0, Verdict.CONTRADICTED),
        (NotWorse("SE", "plain", 0.01), 6.0, 6.0, Verdict.UNDETERMINED),
        (Equivalent("SE", "plain", 1.5), 6.0, 6.0, Verdict.SUPPORTED),
        (Equivalent("SE", "plain", 0.5), 6.0, 3.0, Verdict.CONTRADICTED),
        (Equivalent("SE", "plain", 0.5), 6.0, 9.0, Verdict.CONTRADICTED),
        (Equivalent("SE", "plain", 0.01), 6.0, 6.0, Verdict.UNDETERMINED),
    ],
)
def test_each_kind_of_part_gets_its_verdict(part, plain, se, verdict):
    """Four seeds, 10,000 images, differences of zero or of several points."""
    assert verdict == verdict_of(part, plain, se)


@pytest.mark.parametrize("errors_pct", [(8.0, 6.0), (8.0, 8.0)])
def test_a_comparison_the_other_way_round_is_the_same_test(errors_pct):
    """A claim that names the rows in the other order has the difference with the other sign, to the last bit."""
    runs = measured((PLAIN, SE), errors_pct)
    result = judge(TABLE, [claim(Lower("plain", "SE"), table=TABLE)], runs, {})
    row, part = result.rows["SE"], result.claims[0].parts[0]

    assert part.difference == runs.difference(PLAIN, SE, (PLAIN, SE))
    assert part.difference.value == -row.difference.value
    assert result.comparisons == 1
    assert {row.verdict, part.verdict} in ({Verdict.SUPPORTED, Verdict.CONTRADICTED}, {Verdict.UNDETERMINED})


def test_no_difference_has_no_sign():
    """Two rows that are right on the same images are +0.00 points apart, whichever is named first."""
    runs = measured((PLAIN,), (8.0,))
    for seed in range(4):
        runs.add(Run(cell=SE, seed=seed), "images", runs.wrong(PLAIN, [seed])[0])
    (result,) = judge(TABLE, [claim(Lower("plain", "SE"), table=TABLE)], runs, {}).claims

    assert f"{result.parts[0].difference.value:+.2f}" == "+0.00"


def test_one_seed_settles_nothing():
    """However large the difference: seed noise is unknown, and the verdict says so."""
    assert verdict_of(Lower("SE", "plain"), 30.0, 6.0, seeds=1) == Verdict.ONE_SEED == "one seed: no test"


def test_against_equality_both_ends_count():
    """A row may seem to lie beyond either end of a margin, so the smaller of two p-values is doubled."""
    beyond = Difference(2.0, 5, 10_000, 0.5, 0.1)
    within, against = p_values(Equivalent("a", "b", 0.1), beyond)

    assert pytest.approx(2 * p_above(beyond, 0.1)) == against
    assert pytest.approx(p_below(beyond, 0.1)) == within


def test_a_claim_holds_where_all_of_its_parts_do():
    """One contradicted part contradicts it; one that was not run leaves it not run; one open leaves it open."""
    runs = measured((PLAIN, SE), (8.0, 6.0))
    both = judge(THREE, [claim(Lower("SE", "plain"), Lower("third", "plain"))], runs, {}).claims[0]
    against = judge(THREE, [claim(Lower("plain", "SE"), Lower("third", "plain"))], runs, {}).claims[0]

    assert [part.verdict for part in both.parts] == [Verdict.SUPPORTED, Verdict.NOT_RUN]
    assert both.verdict == Verdict.NOT_RUN
    assert against.verdict == Verdict.CONTRADICTED


def test_rows_have_verdicts_against_their_baseline():
    """SE below plain; the third row was not run; the baseline has none."""
    judgement = judge(THREE, [], measured((PLAIN, SE), (8.0, 6.0)), {})

    assert {k: r.verdict for k, r in judgement.rows.items()} == {"SE": Verdict.SUPPORTED, "third": Verdict.NOT_RUN}


def test_failed_runs_are_no_missing_runs():
    """A row whose runs all failed, and one with other seeds or images, were run; they have no pair."""
    runs = measured((PLAIN,), (8.0,))
    for seed in range(4):
        runs.add_failed(Run(cell=SE, seed=seed))
    assert {r.verdict for r in judge(TABLE, [], runs, {}).rows.values()} == {Verdict.NOT_PAIRED}

    runs.add(Run(cell=THIRD, seed=9), "images", runs.wrong(PLAIN, [0])[0])
    runs.add(Run(cell=THIRD, seed=0), "other images", runs.wrong(PLAIN, [0])[0])
    found = judge(THREE, [claim(Lower("third", "SE"))], runs, {})
    assert {r.verdict for r in found.rows.values()} == {Verdict.NOT_PAIRED} == {found.claims[0].verdict}


def test_seeds_on_other_images_are_left_out_and_no_others():
    """Seed 0 of both rows was evaluated on other images: seeds 1 to 3 are compared, not seed 0 alone."""
    runs = measured((PLAIN, SE, THIRD), (8.0, 6.0, 6.0))
    for cell in (PLAIN, SE):
        runs.add(Run(cell=cell, seed=0), "other images", runs.wrong(cell, [0])[0])

    assert runs.common_seeds((PLAIN, SE)) == (1, 2, 3)
    assert runs.widest_block((PLAIN, SE, THIRD)) == ((PLAIN, SE, THIRD), (1, 2, 3))


def test_a_row_on_other_images_does_not_empty_the_block():
    """The spread over seeds comes from the other rows."""
    runs = measured((PLAIN, SE), (8.0, 6.0))
    for seed in range(4):
        runs.add(Run(cell=THIRD, seed=seed), "other images", runs.wrong(SE, [seed])[0])

    assert runs.widest_block((THIRD, PLAIN, SE)) == ((PLAIN, SE), (0, 1, 2, 3))
    assert runs.widest_block(()) == ((), ())


def test_counted_parts_need_no_run():
    """1.1 times the parameters lies between 1.05 and 1.15, not between 1 and 1.05; without counts it is not run."""
    counts = {network_key(PLAIN): counted(1000, 0, 500), network_key(SE): counted(1100, 0, 505)}
    asked = [
        claim(Costs("SE", "plain", Quantity.PARAMETERS, 1.05, 1.15), table=TABLE),
        claim(Costs("SE", "plain", Quantity.PARAMETERS, 1.0, 1.05), table=TABLE),
        claim(Costs("SE", "plain", Quantity.MULTIPLY_ADDS, 1.0, 1.0101), table=TABLE),
    ]

    assert [result.verdict for result in judge(TABLE, asked, PairedRuns(()), counts).claims] == [
        Verdict.SUPPORTED,
        Verdict.CONTRADICTED,
        Verdict.SUPPORTED,
    ]
    assert {Verdict.NOT_RUN} == {result.verdict for result in judge(TABLE, asked, PairedRuns(()), {}).claims}


def test_a_family_holds_each_comparison_once():
    """SE against plain is a row's and a claim's, either way round; another margin is another comparison."""
    asked = [
        claim(
            Lower("SE", "plain"), Lower("plain", "SE"), Equivalent("SE", "third", 0.3), Equivalent("third", "SE", 0.3)
        ),
        claim(Equivalent("SE", "third", 0.5), NotWorse("SE", "third", 0.3), NotWorse("third", "SE", 0.3)),
    ]

    assert (
        2 + 1 + 1 + 2 == len(family_of(THREE, asked).comparisons) == judge(THREE, asked, PairedRuns(()), {}).comparisons
    )


def test_more_comparisons_make_each_harder():
    """A difference that one test finds at 5 % is lost among thirty, and so says the family's rule."""
    runs = measured((PLAIN, SE), (6.8, 6.0), noise=0.001)
    margins = np.linspace(5.0, 6.0, 40)
    many = claim(*(Equivalent("SE", "third", margin) for margin in margins))
    alone, crowded = (judge(table, asked, runs, {}) for table, asked in ((TABLE, []), (THREE, [many])))

    assert (alone.comparisons, crowded.comparisons) == (1, 42)
    assert alone.rows["SE"].verdict == Verdict.SUPPORTED
    assert crowded.rows["SE"].verdict == Verdict.UNDETERMINED
    assert "among the 42 comparisons of this table" in rule_text(crowded)


def test_claims_are_asked_of_companions_too_unless_they_do_not_transfer():
    """Under another protocol a claim compares that protocol's cells; one about the paper's networks is left out."""
    made_up = TABLE.under(SYNTHETIC)
    runs = measured([row.cell for row in made_up.rows], (8.0, 6.0))
    asked = [claim(Lower("SE", "plain"), table=TABLE), claim(Lower("SE", "plain"), table=TABLE, transfers=False)]

    assert [result.verdict for result in judge(made_up, asked, runs, {}).claims] == [Verdict.SUPPORTED]
    assert {made_up.row("SE").cell, made_up.row("plain").cell} == set(cells_of_claims(made_up, asked))
    assert [result.verdict for result in judge(TABLE, asked, runs, {}).claims] == [Verdict.NOT_RUN] * 2


def test_a_claim_may_bring_rows_of_its_own():
    """They are compared, and belong to no table."""
    asked = claim(Lower("SE", "fresh"), table=TABLE, rows=(Row("fresh", THIRD),))
    (result,) = judge(TABLE, [asked], measured((SE, THIRD), (6.0, 8.0)), {}).claims

    assert result.verdict == Verdict.SUPPORTED
    assert THIRD in cells_of_claims(TABLE, [asked])


def test_claims_about_other_tables_are_left_out():
    """Another number, or another edition's table of the same number."""
    others = [replace(TABLE, number="98"), replace(TABLE, edition="tpami")]

    assert judge(TABLE, [claim(Lower("SE", "plain"), table=o) for o in others], PairedRuns(()), {}).claims == ()


PLAN = SequentialPlan(table="cvpr2018-table99", protocol=PROTOCOL.name, most_seeds=5, level=0.05)


def test_a_plan_settles_at_its_first_look_that_shows_something():
    """Two points are seen at some look before the last, which the result names; the interval is over all seeds."""
    runs = measured((PLAIN, SE), (8.0, 6.0), seeds=5)
    result = judge(TABLE, [], runs, {}, PLAN).rows["SE"]

    assert result.verdict == Verdict.SUPPORTED
    assert 3 <= result.looked_at <= 4
    assert result.difference.seeds == 5


def test_a_plan_of_other_comparisons_says_so():
    """Rows that left the table after a look would have made another look of it."""
    runs = measured((PLAIN, SE), (8.0, 6.0), seeds=5)
    fitting = replace(PLAN, compares=tuple(family_of(TABLE, []).comparisons))
    other = replace(PLAN, compares=("another", *fitting.compares))

    assert judge(TABLE, [], runs, {}, fitting).plan_fits
    assert "begun with other comparisons" not in rule_text(judge(TABLE, [], runs, {}, fitting))
    assert "begun with other comparisons" in rule_text(judge(TABLE, [], runs, {}, other))


def test_seeds_after_the_plan_change_no_verdict():
    """A plan that ends at two seeds leaves open what eight would settle."""
    runs = measured((PLAIN, SE), (6.4, 6.0), seeds=8, noise=0.001)
    short = replace(PLAN, most_seeds=2)
    family = family_of(TABLE, [])

    assert len(decisions(measure_family(family, runs), None)) == 1
    assert decisions(measure_family(family, runs), short) == {}
    assert "further seeds enter the interval, not the verdict" in rule_text(judge(TABLE, [], runs, {}, short))
