"""Differences of differences: does a change help more in one place than in another?"""

from dataclasses import replace

import numpy as np
import pytest

from senet_lab.stats.families import family_of
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import Verdict, judge
from senet_lab.study import Row, Run, SESpec
from senet_lab.study.claim import Claim, LargerGain
from tests.samples import SE, TABLE
from tests.stats.tables import paired_runs_of

OTHERS = tuple(Row(f"r={r}", replace(SE, se=SESpec(reduction=r))) for r in (4, 8))
FOUR = replace(TABLE, rows=(*TABLE.rows, *OTHERS))
PLAIN, SENET, R4, R8 = FOUR.cells
PART = LargerGain("SE", "plain", "r=8", "r=4")
CLAIM = Claim(name="c", table=FOUR, statement="it gains more", source="here", parts=(PART,))


@pytest.mark.parametrize(
    ("errors_pct", "verdict"),
    [
        ((12.0, 8.0, 12.0, 11.5), Verdict.SUPPORTED),
        ((12.0, 11.5, 12.0, 8.0), Verdict.CONTRADICTED),
        ((12.0, 9.0, 15.0, 12.0), Verdict.UNDETERMINED),  # both gain three points: each is seen, a difference is not
    ],
)
def test_gains_are_compared_with_each_other(errors_pct, verdict):
    """SE against plain, and r=8 against r=4."""
    judgement = judge(FOUR, [CLAIM], paired_runs_of(FOUR, errors_pct, 4, spread=0.1), {})

    assert judgement.claims[0].verdict is verdict
    assert judgement.rows["SE"].verdict is (Verdict.UNDETERMINED if errors_pct[1] == 11.5 else Verdict.SUPPORTED)


def test_the_difference_is_that_of_the_four_rows_image_by_image():
    """By hand: two seeds, ten images; the rows' own errors, and the spread over images of the four together."""
    random, runs = np.random.default_rng(4), PairedRuns(())
    wrong = {cell: random.integers(0, 2, (2, 10), dtype=np.uint8) for cell in FOUR.cells}
    for cell, of_cell in wrong.items():
        for seed in (0, 1):
            runs.add(Run(cell=cell, seed=seed), "images", of_cell[seed])
    signed = {cell: of_cell.astype(float) for cell, of_cell in wrong.items()}
    d = 100 * (signed[SENET] - signed[PLAIN] - (signed[R8] - signed[R4]))
    found = runs.difference(SENET, PLAIN, less=(R8, R4), seeds=[0, 1])
    one = runs.difference(SENET, PLAIN, less=(R8, R4), seeds=[1])

    assert found.value == pytest.approx(d.mean())
    assert (found.seeds, found.images, found.pooled_freedom) == (2, 10, 3)  # four rows and two seeds
    assert one.image_variance == pytest.approx(d[1].var(ddof=1) / 10)


def test_all_four_rows_share_the_spread_and_add_theirs():
    """With equal spread in all rows, the variance over seeds is twice that of one difference."""
    ratios = []
    for seed in range(40):
        runs = paired_runs_of(FOUR, (10.0,) * 4, 3, spread=1.0, seed=seed)
        gains, pair = (runs.difference(SENET, PLAIN, FOUR.cells, less=less) for less in ((R8, R4), None))
        ratios.append(gains.seed_variance / pair.seed_variance)

    assert 1.8 < np.median(ratios) < 2.2


def test_it_is_a_comparison_of_its_own_and_needs_all_four_rows():
    """The family has three rows and the gains; without one row the claim was not run."""
    family = family_of(FOUR, [CLAIM])

    assert len(family.comparisons) == 4
    assert [cell.key for cell in family.cells] == [SENET.key, PLAIN.key, R4.key, R8.key]
    judgement = judge(FOUR, [CLAIM], paired_runs_of(FOUR, (12.0, 8.0, 12.0), 3), {})
    assert judgement.claims[0].verdict is Verdict.NOT_RUN
    assert judgement.rows["r=4"].verdict is Verdict.UNDETERMINED
