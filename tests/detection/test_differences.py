"""Differences in AP: paired over seeds and photos, judged with higher being better, planned for, and reported."""

import pytest

from senet_lab.records.cost import CostModel
from senet_lab.records.store import Store
from senet_lab.report.load import load
from senet_lab.stats.ap_difference import ap_difference
from senet_lab.stats.difference import with_seed_noise
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.seeds_needed import needs_of
from senet_lab.stats.verdicts import Verdict, judge
from senet_lab.study.claim import Claim, Equivalent, Higher, Lower, NotWorse
from tests.detection.samples import PLAIN, SE, TABLE, detector, precision
from tests.samples import TABLE as OF_ERRORS
from tests.samples import report_of_views


def test_resamples_that_move_together_leave_no_variance():
    """Two rows that scatter alike over photos differ by their mean difference exactly."""
    same = ap_difference([precision(39.0, own=1)], [precision(38.0, own=1)])
    other = ap_difference([precision(39.0, own=1)], [precision(38.0, own=2)])

    assert (same.value, same.seeds, same.images, same.seed_variance) == (1.0, 1, 50, None)
    assert same.image_variance == pytest.approx(0.0, abs=1e-9)
    assert other.image_variance == pytest.approx(2.0, rel=0.15)


def test_what_seeds_and_photos_do_is_told_apart():
    """Seeds that scatter by 1 point: their variance is that of the mean; what each seed's photos add on its own is no
    part of the photos' variance, which does not fall with more seeds."""
    rows = [precision(40.0 + shift, own=seed) for seed, shift in enumerate((-1.0, 0.0, 1.0))]
    base = [precision(38.0, spread=1e-6) for _ in rows]
    found = ap_difference(rows, base)

    assert found.value == pytest.approx(2.0)
    assert found.seed_variance == pytest.approx(1.0 / 3)
    pooled = with_seed_noise(found, (0.2, 0.4), 12)
    assert pooled.seed_variance == pytest.approx(0.6 / 3)  # no half step, as errors have
    assert found.image_variance < 0.1  # each seed has noise of its own here, so nothing is common to them
    alike = ap_difference([precision(40.0 + shift, own=9) for shift in (-1.0, 0.0, 1.0)], base)
    assert alike.image_variance == pytest.approx(1.0, rel=0.2)


def test_detectors_on_other_photos_are_not_paired():
    """Nor lists of other lengths."""
    for others in ([precision(38.0, photos=49)], [precision(38.0)] * 2, []):
        with pytest.raises(ValueError, match="cannot be paired"):
            ap_difference([precision(39.0)], others)


def records(se=(42.0, 42.2, 41.9), plain=(38.0, 38.3, 37.8), spread=0.05):
    rows = ((SE, se), (PLAIN, plain))
    return [detector(cell, seed, precision(ap, spread, own=seed)) for cell, aps in rows for seed, ap in enumerate(aps)]


def verdict(part, found):
    claim = Claim(name="one", table=TABLE, statement="it holds", source="here", parts=(part,))
    return judge(TABLE, [claim], PairedRuns(found), {}).claims[0].verdict


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Higher("SE", "plain"), Verdict.SUPPORTED),
        (Higher("plain", "SE"), Verdict.CONTRADICTED),
        (NotWorse("SE", "plain", 0.5), Verdict.SUPPORTED),
        (NotWorse("plain", "SE", 0.5), Verdict.CONTRADICTED),
        (Equivalent("SE", "plain", 0.5), Verdict.CONTRADICTED),
        (Equivalent("SE", "plain", 9.0), Verdict.SUPPORTED),
    ],
)
def test_higher_is_better(part, said):
    """SE has 4 points more AP at three seeds: it is higher, not worse, and not the same."""
    assert verdict(part, records()) is said


def test_a_row_and_its_claim_are_one_comparison():
    """A row against its baseline is one test whichever way it is asked; its direction is that of the AP."""
    claim = Claim(name="one", table=TABLE, statement="s", source="s", parts=(Higher("SE", "plain"),))
    judgement = judge(TABLE, [claim], PairedRuns(records()), {})

    assert judgement.comparisons == 1
    assert judgement.rows["SE"].verdict is Verdict.CONTRADICTED  # of "SE is lower"
    assert judgement.rows["SE"].difference.value == pytest.approx(4.0)


def test_lower_is_said_of_errors_and_higher_of_ap():
    """The other way round is refused where it is declared."""
    for table, part in ((TABLE, Lower("SE", "plain")), (OF_ERRORS, Higher("SE", "plain"))):
        with pytest.raises(ValueError, match="would be worse, since rows"):
            Claim(name="one", table=table, statement="s", source="s", parts=(part,))


def test_the_planner_plans_for_ap():
    """Seeds that would settle a point of AP, from the spread of recorded ones."""
    claim = Claim(name="one", table=TABLE, statement="s", source="s", parts=(Higher("SE", "plain"),))
    found = records()
    needs = needs_of(TABLE, [claim], found, CostModel(found, {}), 1.0, None)

    assert [need.seeds is not None and need.seeds <= 10 for need in needs.comparisons] == [True]


def test_a_report_of_detectors_speaks_of_ap(tmp_path):
    """Published and measured AP, the direction of the difference, how its interval came about; no error anywhere."""

    store = Store(tmp_path)
    for record in records():
        store.write(record)
    claim = Claim(name="one", table=TABLE, statement="SE raises AP", source="s", parts=(Higher("SE", "plain"),))
    loaded = load(tmp_path, "committed")
    report = report_of_views(TABLE, [loaded], [claim])
    text, data = report.text, report.as_data([])["views"][0]["rows"][1]

    assert "measured minival AP, %" in text
    assert "42.03 ± " in text
    assert "+4.00 ± " in text
    assert "Higher is better." in text
    assert "1,000 resamples" in text
    assert "top-1" not in text
    assert data["verdict"] == "higher"
    assert data["ap"]["measured"]["n"] == 3
    assert data["ap_difference"]["measured"]["value"] == pytest.approx(4.0)
    assert "1 supported" in text
