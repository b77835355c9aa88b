"""``html`` and ``show``: what their user types and reads."""

import json

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.study import Run
from tests.samples import filled, finished, one_line

ROWS = studies.table_under(catalogue.find_table("table7"), "cifar10").rows


@pytest.fixture
def store(tmp_path):
    """Two seeds of a row and one of another, with curves."""
    first, second = ROWS[0].cell, ROWS[1].cell
    return filled(tmp_path / "results", finished(first), finished(first, 1), finished(second), epochs=2)


def test_show_prints_every_seed_of_a_key(senet_lab, store):
    """Key, error, place, curve and command; the key may be cut short."""
    key = ROWS[0].cell.key
    status, out, _ = senet_lab("show", key[:12])
    lines = out.splitlines()

    assert status == 0
    assert len([line for line in lines if line.split() == ["key", key]]) == 2
    assert "rows: table7 original" in out
    assert f"curve: 2 epochs, curves/cifar10/{key}/seed-1.csv" in lines
    assert (
        "to train it again: senet-lab train table7 --protocol cifar10 --row original --seeds 2 --results again" in out
    )


def test_show_of_the_results_by_another_path_is_one_entry(senet_lab, store):
    """It is the same folder."""
    _, out, _ = senet_lab("show", f"{ROWS[1].cell.key}/0", "--json", "--results", str(store.root))

    assert len(json.loads(out)) == 1


def test_show_of_one_seed_as_json(senet_lab, store):
    """One entry: numbers with their units, the curve, and the digest that its file has."""
    key = ROWS[1].cell.key
    _, out, _ = senet_lab("show", f"{key}/0", "--json")
    (entry,) = json.loads(out)
    written = json.loads(store.path(Run(cell=ROWS[1].cell, seed=0)).read_text())

    assert entry["digest"] == written["digest"]
    assert entry["top1_err"] == {"value": 20.0, "unit": "%"}
    assert entry["param_count"] == {"value": 1_234, "unit": "1"}
    assert [point["test_top1_error_pct"] for point in entry["curve"]] == [60.0, 30.0]
    assert entry["provenance"]["threads"] == 1
    assert f"table7 {ROWS[1].label}" in entry["rows"]


@pytest.mark.parametrize("name", ["", "no-such-key", "0/x", f"{ROWS[0].cell.key}/7"])
def test_show_of_no_record_is_one_line(senet_lab, store, name):
    """And exit status 2."""
    status, out, err = senet_lab("show", name)

    assert (status, out) == (2, "")
    assert one_line(err).startswith("senet-lab: ")
