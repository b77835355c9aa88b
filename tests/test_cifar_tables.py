"""The journal's CIFAR tables and the tables of SENet-154: rows, baselines, recipes; Table with several baselines."""

import csv
from dataclasses import fields, replace
from pathlib import Path

import pytest

import ablations
from ablations import (
    cvpr2018_table4_sota,
    tpami_table4_cifar10,
    tpami_table5_cifar100,
    tpami_table8_sota,
    tpami_table9_larger_crops,
)
from ablations.protocols import PROTOCOLS
from senet_lab.models.registry import image_size
from senet_lab.study import Table
from senet_lab.study.protocol import Dataset
from senet_lab.study.schedule import Decay
from senet_lab.training.schedule import learning_rate
from tests.models.counted import described

CIFAR = [tpami_table4_cifar10.TABLE, tpami_table5_cifar100.TABLE]
LARGER_CROPS = tpami_table9_larger_crops.TABLE
TABLES = [*CIFAR, cvpr2018_table4_sota.TABLE, tpami_table8_sota.TABLE, LARGER_CROPS]


def published_rows(table: Table) -> list[str]:
    path = Path(ablations.__path__[0]) / "published" / f"{table.edition}.csv"
    with open(path, newline="") as file:
        return [row["row"] for row in csv.DictReader(file) if row["table"] == f"T{table.number}"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.slug)
def test_every_row_has_its_published_name_and_its_network(table):
    """Each label is a row of the published numbers, and each cell's network is built for its data set."""
    for row in table.rows:
        assert row.label == row.published
        assert row.published in published_rows(table)
        assert row.cell.protocol.image_size == (320 if table is LARGER_CROPS else image_size(row.cell.backbone))
        described(row.cell.backbone, row.cell.se)  # raises where there is no such network


@pytest.mark.parametrize("table", CIFAR, ids=lambda table: table.slug)
def test_the_cifar_tables_have_every_published_row(table):
    """All eight, in the paper's order."""
    assert published_rows(table) == [row.label for row in table.rows]


@pytest.mark.parametrize("table", CIFAR, ids=lambda table: table.slug)
def test_each_se_network_is_compared_with_its_own_plain_one(table):
    """SE-X against X, which differs from it in nothing but SE; X against itself."""
    for row in table.rows:
        baseline = table.baseline_of(row)
        assert row.label.removeprefix("SE-") == baseline.label
        assert replace(row.cell, se=None) == baseline.cell


def test_a_row_without_a_baseline_has_the_tables():
    """SENet-154 against ResNet-152."""
    table = cvpr2018_table4_sota.TABLE

    assert table.baseline_of(table.row("SENet-154")).label == "ResNet-152"


def test_a_baseline_that_is_no_row_is_refused():
    """ValueError with the name that is missing."""
    table = CIFAR[0]
    with pytest.raises(ValueError, match="'ResNet-20' is no row"):
        replace(table, rows=(*table.rows[:-1], replace(table.rows[-1], baseline="ResNet-20")))


def test_a_companion_keeps_the_baselines():
    """Under another protocol the rows are compared as before."""
    table = CIFAR[0].under(PROTOCOLS["cifar10-quick"])

    assert table.baseline_of(table.row("SE-WRN-16-8")).label == "WRN-16-8"


@pytest.mark.parametrize("name", ["cifar10-he2016", "cifar100-he2016"])
def test_he2016_rates_by_iteration(name):
    """0.01 for 400 iterations, then 0.1, 0.01 from 32,000 and 0.001 from 48,000 on; 63,960 in all."""
    protocol = PROTOCOLS[name]
    steps = (0, 399, 400, 31_999, 32_000, 47_999, 48_000)

    expected = [0.01, 0.01, 0.1, 0.1, 0.01, 0.01, 0.001]
    assert expected == pytest.approx([learning_rate(protocol, step) for step in steps])
    assert protocol.epochs * protocol.steps_per_epoch == 63_960


@pytest.mark.parametrize("name", ["cifar10-wrn", "cifar100-wrn"])
def test_wrn_rates_by_epoch(name):
    """0.1, times 0.2 at epochs 60, 120 and 160."""
    protocol = PROTOCOLS[name]
    rates = [learning_rate(protocol, epoch * protocol.steps_per_epoch) for epoch in (0, 59, 60, 119, 120, 159, 160)]

    assert pytest.approx(rates) == [0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar10-he2016", (Dataset.CIFAR10, Decay.STEPS, 128, 164, 0.1, 1e-4, False, 0)),
        ("cifar100-he2016", (Dataset.CIFAR100, Decay.STEPS, 128, 164, 0.1, 1e-4, False, 0)),
        ("cifar10-wrn", (Dataset.CIFAR10, Decay.STEPS, 128, 200, 0.1, 5e-4, True, 0)),
        ("cifar100-wrn", (Dataset.CIFAR100, Decay.STEPS, 128, 200, 0.1, 5e-4, True, 0)),
        ("cifar10-shake", (Dataset.CIFAR10, Decay.COSINE, 128, 1800, 0.2, 1e-4, True, 16)),
        ("cifar100-shake-even", (Dataset.CIFAR100, Decay.COSINE, 32, 1800, 0.025, 5e-4, True, 8)),
    ],
)
def test_recipes_of_the_original_papers(name, expected):
    """Data set, decay, batch, epochs, peak rate, weight decay, Nesterov, Cutout."""
    p = PROTOCOLS[name]
    found = (p.dataset, p.schedule.decay, p.batch_size, p.epochs, p.schedule.peak_lr, p.weight_decay, p.nesterov)

    assert expected == (*found, p.cutout)
    assert p.num_classes == {Dataset.CIFAR10: 10, Dataset.CIFAR100: 100}[p.dataset]
    assert p.departures


def test_both_editions_have_the_same_sota_cells():
    """Table 4 of 2018 and table 8 of the journal: trained once."""
    keys = [[row.cell.key for row in t.TABLE.rows] for t in (cvpr2018_table4_sota, tpami_table8_sota)]

    assert keys[0] == keys[1]
    assert [t.TABLE.name for t in (cvpr2018_table4_sota, tpami_table8_sota)] == ["table4", "tpami-table8"]


def test_table_9_differs_from_table_8_in_the_crop_alone():
    """SENet-154 with the same block and recipe at 320 pixels: another cell, so another run."""
    (larger,) = (row.cell for row in LARGER_CROPS.rows)
    smaller = tpami_table8_sota.TABLE.row("SENet-154").cell
    recipe = {"name", "title", "image_size", "resize", "departures"}

    assert (larger.backbone, larger.se, larger.protocol.image_size) == (smaller.backbone, smaller.se, 320)
    assert recipe == {
        field.name
        for field in fields(larger.protocol)
        if getattr(larger.protocol, field.name) != getattr(smaller.protocol, field.name)
    }
    assert LARGER_CROPS.topic == "larger-crops"
