"""Tables, their companions, and the runs they need."""

from dataclasses import replace

import pytest

from ablations import cvpr2018_table7_reduction, tpami_table10_reduction
from ablations.protocols import CIFAR10, CIFAR100, DEMO, IMAGENET_100EP, IMAGENET_270EP
from senet_lab.cli import catalogue, studies
from senet_lab.study import Row, SESpec
from senet_lab.study.cell import runs_of
from tests.samples import PLAIN, SE, TABLE

TABLE7 = cvpr2018_table7_reduction.TABLE


def journal_ablations():
    return [t for t in catalogue.tables() if t.edition == "tpami" and 10 <= int(t.number) <= 16]


@pytest.mark.parametrize("protocol", [None, CIFAR10, DEMO])
def test_the_journals_25_rows_are_17_runs(protocol):
    """Tables 10 to 16 print 25 rows; the runs they share are made once, under any protocol."""
    tables = journal_ablations()
    if protocol:
        tables = [table.under(protocol) for table in tables]

    cells = [cell for table in tables for cell in table.cells]
    assert len(cells) == 25
    assert len(runs_of(cells, seeds=1)) == 17
    assert len(runs_of(cells, seeds=3)) == 51


def test_table_7_is_5_runs_a_seed():
    """Four reduction ratios and the plain network; seeds count from 0, and all rows of one come before the next."""
    runs = runs_of(TABLE7.cells, seeds=2)

    assert [run.seed for run in runs] == [0] * 5 + [1] * 5
    assert [row.cell.key for row in TABLE7.rows] == [run.cell.key for run in runs[:5]]


def test_table_7_is_the_papers():
    """SE-ResNet-50 with r = 4, 8, 16, 32 beside the plain network, with biases and the 100 epochs of 2018."""
    expected = [None, *(SESpec(reduction=r, bias=True) for r in (4, 8, 16, 32))]

    assert expected == [row.cell.se for row in TABLE7.rows]
    assert {("resnet50", IMAGENET_100EP)} == {(row.cell.backbone, row.cell.protocol) for row in TABLE7.rows}
    assert TABLE7.baseline == "original"


@pytest.mark.parametrize(
    ("number", "varied"),
    [
        ("10", [None, *({"reduction": r} for r in (2, 4, 8, 16, 32))]),
        ("11", [{"squeeze": "max"}, {}]),
        ("12", [{"gate": "relu"}, {"gate": "tanh"}, {}]),
        ("13", [None, {"stages": (2,)}, {"stages": (3,)}, {"stages": (4,)}, {}]),
        ("14", [{}, {"integration": "pre"}, {"integration": "post"}, {"integration": "identity"}]),
        ("15", [{}, {"integration": "conv3x3"}]),
        ("16", [None, {"squeeze": "none"}, {}]),
    ],
)
def test_each_journal_ablation_varies_one_thing(number, varied):
    """Every row is the paper's block without biases but for the field that its table is about."""
    (table,) = (t for t in journal_ablations() if t.number == number)

    assert [None if fields is None else SESpec(**fields) for fields in varied] == [row.cell.se for row in table.rows]


def test_a_companion_keeps_the_se_block_and_the_labels():
    """Under CIFAR-10 each ResNet-50 becomes the bottleneck ResNet-29; block, label and published name stay."""
    companion = TABLE7.under(CIFAR10)

    assert [(r.label, r.published, r.cell.se) for r in TABLE7.rows] == [
        (r.label, r.published, r.cell.se) for r in companion.rows
    ]
    assert {("cifar_resnet29_bottleneck", CIFAR10)} == {(r.cell.backbone, r.cell.protocol) for r in companion.rows}
    assert {"cifar_resnet29_bottleneck"} == {r.cell.backbone for r in TABLE7.under(CIFAR100).rows}
    assert {"cifar_resnet11_bottleneck"} == {r.cell.backbone for r in TABLE7.under(DEMO).rows}


def test_the_two_editions_share_no_se_run():
    """FC layers have biases in 2018 and none in the journal: under one protocol only the plain run is shared."""
    shared = {run.cell.key for run in runs_of(TABLE7.under(CIFAR10).cells, 1)} & {
        run.cell.key for run in runs_of(tpami_table10_reduction.TABLE.under(CIFAR10).cells, 1)
    }

    assert {TABLE7.under(CIFAR10).row("original").cell.key} == shared


def test_another_protocol_for_the_same_images_keeps_the_network():
    """ResNet-50 stays ResNet-50 under the 270-epoch schedule."""
    assert {"resnet50"} == {row.cell.backbone for row in TABLE7.under(IMAGENET_270EP).rows}


def test_a_network_without_companion_is_refused():
    """VGG-16 has none for 32 x 32 images: no ImageNet network is trained on images of another size."""
    with pytest.raises(ValueError, match="table2 has no companion of resnet50 for cifar10"):
        catalogue.find_table("table2").under(CIFAR10)


def test_a_row_without_baseline_of_its_own_has_the_tables():
    """Pairs name their own plain row; other rows take the table's."""
    pairs = catalogue.find_table("table2")

    assert TABLE.baseline_of(TABLE.row("SE")).label == "plain"
    assert TABLE.baseline_of(TABLE.row("plain")).label == "plain"
    assert pairs.baseline_of(pairs.row("SE-VGG-16")).label == "VGG-16"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rows": (Row("plain", PLAIN), Row("plain", SE))}, "two rows share a label"),
        ({"baseline": "Plain"}, "baseline 'Plain' is no row"),
        ({"rows": (Row("plain", PLAIN), Row("SE", SE, baseline="none"))}, "baseline 'none' is no row"),
    ],
)
def test_contradictory_tables_are_refused(fields, named):
    """Labels are unique, and a baseline is a row."""
    with pytest.raises(ValueError, match=named):
        replace(TABLE, **fields)


def test_an_unknown_row_is_a_key_error():
    """Nothing stands in for a row that is not there."""
    with pytest.raises(KeyError, match="r=16"):
        TABLE.row("r=16")


def test_names_have_an_edition():
    """2018 is bare on the command line; files always carry the edition."""
    assert (TABLE7.name, TABLE7.slug) == ("table7", "cvpr2018-table7")
    assert (
        tpami_table10_reduction.TABLE.name,
        tpami_table10_reduction.TABLE.slug,
    ) == ("tpami-table10", "tpami-table10")


def test_no_two_tables_share_a_name_or_a_file():
    """Every name and topic means one table."""
    tables = catalogue.tables()
    names = [name for table in tables for name in catalogue.names_of(table, tables)]

    assert len(names) == len(set(names))
    assert len(tables) == len({table.slug for table in tables})


@pytest.mark.parametrize(
    ("name", "slug"),
    [("reduction", "cvpr2018-table7"), ("tpami-reduction", "tpami-table10"), ("squeeze", "tpami-table11")],
)
def test_topics_are_aliases(name, slug):
    """A bare topic is the 2018 table where that edition has it, else the journal's."""
    assert slug == catalogue.find_table(name).slug


def test_protocols_are_told_apart_by_name():
    """Each is found under its own name, and no name is declared twice; the default is the demonstration."""
    names = [protocol.name for protocol in catalogue.protocols()]

    assert len(names) == len(set(names))
    assert {"demo"} == {row.cell.protocol.name for row in studies.table_under(TABLE7, None).rows}


@pytest.mark.parametrize("name", ["paper", "imagenet", "imagenet-100ep"])
def test_the_papers_own_protocol_changes_nothing(name):
    """Three names for the same: the rows as the paper has them."""
    assert TABLE7.rows == studies.table_under(TABLE7, name).rows
