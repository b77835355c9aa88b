"""What stands below a comparison."""

from dataclasses import replace

import pytest

from ablations.protocols import CIFAR10, IMAGENET_100EP
from senet_lab.report.load import load
from senet_lab.report.notes import notes_of
from senet_lab.report.tables import comparison_title
from senet_lab.report.views import measured_views
from senet_lab.study import Row
from senet_lab.study.protocol import Dataset
from tests.samples import PLAIN, PROTOCOL, SE, TABLE, block_of, comparison_of, comparisons_of, filled, finished


@pytest.mark.parametrize(("printed_under", "told"), [(PROTOCOL, False), (IMAGENET_100EP, True)])
def test_a_departure_from_imagenet_is_told_below_tables_of_other_images_alone(tmp_path, printed_under, told):
    """A table of CIFAR-10 under the project's protocol of CIFAR-10 is no companion of an ImageNet table."""
    itself = {PLAIN.backbone: PLAIN.backbone}
    paper = replace(TABLE, companions={Dataset.IMAGENET: itself, Dataset.CIFAR10: itself}).under(printed_under)
    filled(tmp_path, *(finished(cell) for cell in TABLE.under(CIFAR10).cells))
    (view,) = measured_views(paper, [load(tmp_path, "results")])
    notes = list(notes_of(comparison_of(view, [], {})))

    assert told == any("companion of an ImageNet table" in note for note in notes)
    assert "Departure: arithmetic in bfloat16 (autocast)." in notes
    assert any("bf16, which rounds logits: an image whose true class ties with another one counts" in n for n in notes)


@pytest.mark.parametrize(("edition", "whose"), [("cvpr2018", "the paper's"), ("reproduction", "the declared")])
def test_a_companion_says_whose_table_it_is_of(tmp_path, edition, whose):
    """Some tables are not printed by the paper; they are declared here, or by a user."""
    other = replace(PROTOCOL, name="other", epochs=3)
    declared = replace(TABLE, edition=edition)
    filled(tmp_path, *(finished(cell) for cell in declared.under(other).cells))
    (view,) = measured_views(declared, [load(tmp_path, "results")])

    compared = comparison_of(view, [], {})

    assert f"(a companion of {whose} CIFAR-10 table; other: " in comparison_title(compared)
    said = f"A companion of {whose} table: other schedule. Compare signs and order, not sizes."
    assert said in list(notes_of(compared))


def test_a_seed_that_the_baseline_lacks_is_said_to_be_where_it_is(tmp_path):
    """In claims about two other rows and as a cross in the errors; not in the row's mean and difference."""
    filled(tmp_path, finished(PLAIN), *(finished(SE, seed) for seed in (0, 1)))
    (comparison,) = comparisons_of(TABLE, [load(tmp_path, "results")])
    (note,) = [note for note in notes_of(comparison) if note.startswith("SE, seed 1: ")]

    assert "not in the row's mean and difference" in note
    assert "in no number" not in note


def test_two_folders_have_two_labels(tmp_path):
    """Both stand in one LaTeX file, and the notes refer to them by these."""
    for name in ("results", "again"):
        filled(tmp_path / name, finished(PLAIN), finished(SE))
    views = measured_views(TABLE, [load(tmp_path / name, name) for name in ("results", "again")])

    assert [block_of(view).label for view in views] == ["cvpr2018-table99-sample-again", "cvpr2018-table99-sample"]


@pytest.mark.parametrize(("third_has", "alone"), [((0, 1), False), ((0,), True)])
def test_it_is_said_where_the_spread_is_that_of_two_rows(tmp_path, third_has, alone):
    """Three rows with both seeds share their spread; two rows have their own alone. p-values are listed."""
    third = replace(SE, se=replace(SE.se, reduction=8))
    three = replace(TABLE, rows=(*TABLE.rows, Row("third", third)))
    runs = [finished(cell, seed, 200 + seed) for cell in (PLAIN, SE) for seed in (0, 1)]
    filled(tmp_path, *runs, *(finished(third, seed) for seed in third_has))
    (comparison,) = comparisons_of(three, [load(tmp_path, "results")])
    notes = list(notes_of(comparison))
    said = "Fewer than 3 rows have these seeds, so the spread over seeds is that of the two compared rows alone: SE."
    (p,) = [
        note
        for note in notes
        if note.startswith(
            "p-values, adjusted for this table's comparisons by Holm's method (a verdict needs less than"
        )
    ]

    assert alone == (said in notes)
    assert p.endswith(" SE 1.0000." if alone else " SE 1.0000; third 1.0000.")
