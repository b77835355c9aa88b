"""Networks, devices and revisions that pages and files name are those of the runs in their numbers."""

import csv
import io
import re
from dataclasses import replace

import pytest

from senet_lab.records.sequential import SequentialPlan, begin_plan
from senet_lab.report.claims_page import claim_block, claim_lines
from senet_lab.report.csv_tables import table_csv, wide_csv
from senet_lab.report.figures import figure_heading
from senet_lab.report.forest import subtitle
from senet_lab.report.load import load
from senet_lab.report.notes import notes_of
from senet_lab.report.published import published_table
from senet_lab.report.table_data import comparison_data
from senet_lab.report.tables import comparison_title
from senet_lab.report.views import measured_views
from senet_lab.study import Row
from senet_lab.study.claim import Claim, Lower
from senet_lab.study.protocol import Dataset
from tests.report.test_write import PRINTED
from tests.samples import PLAIN, PROTOCOL, SE, TABLE, comparison_of, comparisons_of, filled, finished

LARGER = replace(SE, backbone="cifar_resnet29_bottleneck")
TWO = replace(TABLE, rows=(*TABLE.rows, Row("larger", LARGER)))


def made_on(record, device):
    """The record, as of another device and revision."""
    return replace(record, provenance=replace(record.provenance, device=device, revision=device * 10))


@pytest.mark.parametrize("also", [False, True])
def test_only_networks_that_were_trained_are_named(tmp_path, also):
    """In heading, note, figures and JSON. Parameters stand beside every row, so there it is said which were trained."""
    filled(tmp_path, finished(PLAIN), finished(SE), *([finished(LARGER)] if also else []))
    (comparison,) = comparisons_of(TWO, [load(tmp_path, "results")])
    texts = [comparison_title(comparison), figure_heading(comparison.view), subtitle([comparison])]
    (note,) = [note for note in notes_of(comparison) if note.startswith("Parameters (weights and biases)")]

    assert all(PLAIN.backbone in text for text in (*texts, note))
    assert {LARGER.backbone in text for text in (*texts, note)} == {also}
    assert ("trained or not" in note) == (not also)
    assert comparison_data(comparison)["networks"] == [PLAIN.backbone, LARGER.backbone][: 1 + also]


def test_a_companion_of_other_networks_says_so_whichever_were_trained(tmp_path):
    """That is a fact of the table; its schedule is the declared one."""
    companions = {PLAIN.backbone: LARGER.backbone}
    paper = replace(TABLE, companions={Dataset.CIFAR10: companions})
    under = paper.under(replace(PROTOCOL, name="other"))
    filled(tmp_path, finished(under.rows[0].cell))
    (view,) = measured_views(paper, [load(tmp_path, "results")])

    assert view.unlike == "other network"


def test_device_and_revision_are_those_of_the_seeds_in_a_number(tmp_path):
    """A seed that the baseline lacks is in no mean: its device is named apart, beside the runs that are left out. A
    difference was made by the baseline's device, too."""
    filled(tmp_path, made_on(finished(PLAIN), "a"), made_on(finished(SE), "b"), made_on(finished(SE, 1), "c"))
    (comparison,) = comparisons_of(TABLE, [load(tmp_path, "results")])
    printed, notes = published_table(TABLE, []), list(notes_of(comparison))
    long = list(csv.DictReader(io.StringIO(table_csv(printed, {}, [comparison]))))
    wide = list(csv.DictReader(io.StringIO(wide_csv(printed, [comparison]))))
    of_se = {line["metric"]: (line["device"], line["revision"]) for line in long if line["row"] == "SE"}

    assert of_se.pop("left_out_runs") == ("c", "cccccccccc")
    assert of_se.pop("top1_error_difference") == ("b; a", "bbbbbbbbbb; aaaaaaaaaa")
    assert set(of_se.values()) == {("b", "bbbbbbbbbb")}
    assert [line["device"] for line in wide if line["row"] == "SE" and line["device"]] == ["b; a"]
    of_json = comparison_data(comparison)["rows"][1]
    assert [one["device"] for one in (of_json, of_json["top1_err_difference"]["measured"])] == ["b", "b; a"]
    (made,) = [note for note in notes if note.startswith("Device ")]
    assert all(text in made for text in ("a (device, 1 thread(s))", "b (device, 1 thread(s))", "a" * 10, "b" * 10))
    assert "c" * 10 not in made
    (others,) = [note for note in notes if note.startswith("Runs that are in no row's mean: Device c ")]
    assert "a (device" not in others


def test_device_and_revision_of_a_claim_are_those_of_its_runs(tmp_path):
    """Those of a further row too, and of no other row or seed; a claim that was not run names none."""
    further = Row("SE, r=8", replace(SE, se=replace(SE.se, reduction=8)))
    parts = (Lower("SE", "plain"), Lower("SE, r=8", "plain"))
    claim = Claim(name="c", table=TABLE, statement="s", source="here", parts=parts, rows=(further,))
    missing = replace(claim, name="d", parts=(Lower("SE, r=8", "SE"),), rows=(replace(further, cell=LARGER),))
    records = [(PLAIN, 0, "a"), (PLAIN, 1, "b"), (SE, 0, "c"), (SE, 2, "d"), (further.cell, 1, "e")]
    filled(tmp_path, *(made_on(finished(cell, seed), device) for cell, seed, device in records))
    lines = claim_lines(comparisons_of(TABLE, [load(tmp_path, "results")], [claim, missing]))

    assert [set(line["device"].split("; ")) for line in lines] == [{"a", "c"}, {"b", "e"}, {""}]


def test_a_plan_names_the_levels_of_its_looks(tmp_path):
    """A verdict under a plan needs less than 0.05: the level is spent over the looks."""
    begin_plan(tmp_path, SequentialPlan(table=TABLE.slug, protocol="sample", most_seeds=3, level=0.05))
    claim = Claim(name="c", table=TABLE, statement="s", source="here", parts=(Lower("SE", "plain"),))
    filled(tmp_path, *(finished(cell, seed, 300 - 100 * (cell == SE)) for cell in (PLAIN, SE) for seed in range(3)))
    comparisons = comparisons_of(TABLE, [load(tmp_path, "results")], [claim])
    for notes in (list(notes_of(comparisons[0])), claim_block(comparisons).notes):
        text = " ".join(notes)

        assert not re.search(r"needs less than 0\.05", text)
        assert "needs less than the level of its look" in text
        assert "spent over looks at 2, 3 seeds from seed 0 on (levels 0.0082, 0.042)" in text


@pytest.mark.parametrize("printed", [True, False])
def test_published_numbers_are_spoken_of_where_there_are_any(tmp_path, printed):
    """Tables that the paper does not print have none."""
    filled(tmp_path, finished(PLAIN), finished(SE))
    named = replace(TABLE, rows=(Row("plain", PLAIN, "ResNet-50"), Row("SE", SE, "SE-ResNet-50")))
    claim = Claim(name="c", table=named, statement="s", source="here", parts=(Lower("SE", "plain"),))
    (view,) = measured_views(named, [load(tmp_path, "results")])
    comparison = comparison_of(view, PRINTED if printed else (), claims=[claim])
    texts = [" ".join(notes_of(comparison)), " ".join(claim_block([comparison]).notes)]

    assert ["Published" in text for text in texts] == [printed] * 2
    assert "Measured: final epoch." in texts[0]
