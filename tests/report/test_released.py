"""The page of released weights: each view beside the numbers that were published for it."""

from dataclasses import replace

import numpy as np
import pytest

from ablations.released import LARGE, PAPER, RELEASED
from senet_lab.cli import catalogue
from senet_lab.records.evaluation import Evaluated, Subject
from senet_lab.report.published import load_tables, read_published
from senet_lab.report.released import released_blocks, shown_for
from senet_lab.study.released import View

FOLDER = catalogue.published_folder()


def evaluated(source: str, view: View) -> Evaluated:
    """Ten photos, of which the network has one wrong."""
    right = np.arange(10) > 0
    subject = Subject(
        source=source,
        weights=source,
        weights_sha256="0" * 64,
        view=view,
        images=10,
        images_sha256="1" * 64,
        precision="fp32",
        device_type="cpu",
        batch=64,
    )
    words = dict.fromkeys(("photos", "layout", "revision", "decoder", "device"), "some")
    return Evaluated(subject=subject, whole=True, top1=right, top5=right, real=None, versions={}, **words)


@pytest.mark.parametrize("table", ["table4", "tpami-table8"])
def test_a_larger_crop_stands_beside_the_numbers_of_that_crop(table):
    """SENet-154 in both views: the paper's numbers are of 224 and of 320 pixels, those of the release of 224 alone."""
    (paper,) = load_tables(FOLDER, [catalogue.find_table(table)])
    found = [evaluated("timm:legacy_senet154.in1k", view) for view in (PAPER, LARGE)]
    (block,) = released_blocks(shown_for(paper.table, RELEASED, found), paper, read_published(FOLDER / "release.csv"))
    small, large = block.lines

    assert (small[1], small[2]) == ("18.68 / 4.47", "18.68 / 4.47")
    assert "away" in small[5]
    assert large[1] == "17.28 / 3.79"
    assert (large[2], large[5]) == ("–", "–")
    assert "320" in large[7]


def test_photos_that_nobody_reassessed_have_no_error_by_reassessed_labels():
    """One photo of a user's subset: the page is written all the same."""
    (paper,) = load_tables(FOLDER, [catalogue.find_table("table4")])
    right = np.arange(10) > 0
    for judged, said in ((np.zeros(10, bool), False), (right, True)):
        found = replace(evaluated("timm:legacy_senet154.in1k", PAPER), real=(right, right, judged))
        (block,) = released_blocks(shown_for(paper.table, RELEASED, [found]), paper, [])
        assert any("reassessed labels (ReaL)" in note for note in block.notes) == said


def test_numbers_of_the_release_are_of_the_smaller_view():
    """All of them, as its file says; so no other view names them."""
    assert {one.view for known in RELEASED.values() for one in known if one.published} == {PAPER}


def test_inception_stands_beside_its_299_pixels():
    """Table 2 prints one number, which is of that crop."""
    (paper,) = load_tables(FOLDER, [catalogue.find_table("table2")])
    found = [evaluated("timm:inception_resnet_v2.tf_in1k", View(size=299, resize=352))]
    ((line,),) = (b.lines for b in released_blocks(shown_for(paper.table, RELEASED, found), paper, []))

    assert line[1] == "20.37 / 5.21"


@pytest.mark.parametrize("table", ["table5", "table6", "tpami-table6", "tpami-table7"])
def test_weights_of_imagenet_stand_for_no_row_of_another_data_set(table):
    """The rows' labels are those of ImageNet's tables, the errors are of Places365, and AP of COCO."""
    found = [evaluated(one.source, PAPER) for known in RELEASED.values() for one in known]
    table = catalogue.find_table(table)

    assert {row.label for row in table.rows} & set(RELEASED)
    assert shown_for(table, RELEASED, found) == []


@pytest.mark.parametrize(
    ("weights", "shown"),
    [("timm:legacy_seresnet50.in1k", True), ("random, seed 0", True), ("file mine.pth", False)],
)
def test_weights_of_a_file_do_not_stand_as_the_release(weights, shown):
    """They were evaluated under the release's name, since that names the network."""
    found = evaluated("timm:legacy_seresnet50.in1k", PAPER)
    found = replace(found, subject=replace(found.subject, weights=weights))

    assert bool(shown_for(catalogue.find_table("table2"), RELEASED, [found])) == shown
