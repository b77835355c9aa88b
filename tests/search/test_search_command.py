"""`senet-lab search`: from a table to curves, verdicts and files; refusals in one line."""

import csv
import sys

import pytest

from senet_lab.cli import catalogue
from senet_lab.errors import to_install

MINE = """
from dataclasses import replace
from ablations.protocols import DEMO
from senet_lab.study import Cell, Row, SESpec, Table

TINY = replace(DEMO, name="tiny", train_images=60, test_images=20, batch_size=20, epochs=1)
CELL = Cell(backbone="cifar_resnet11_bottleneck", se=SESpec(), protocol=TINY)
TABLE = Table(
    edition="mine", number="1", topic="search", caption="A search", baseline="plain", companions={},
    rows=(Row("plain", Cell(backbone=CELL.backbone, se=None, protocol=CELL.protocol)), Row("SE", CELL)),
)
"""


@pytest.fixture
def mine(tmp_path):
    """A table of two rows under a protocol of one epoch of 60 images."""
    (tmp_path / "my_table.py").write_text(MINE)


def lines_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_table_is_searched_and_its_verdicts_tested_again(senet_lab, mine, tmp_path):
    """Equal budgets, the curve, verdicts on fresh seeds from records of their own; a second call trains nothing."""
    words = ("search", "my_table.py", "--protocol", "paper", "--trials", "2", "--fresh-seeds", "2", "--device", "cpu")
    status, out, err = senet_lab(*words)
    folder = tmp_path / "results" / "search" / "demo" / "mine-table1-tiny"
    again = senet_lab(*words)

    assert status == 0, err
    assert {("plain", "0"), ("plain", "1"), ("SE", "0"), ("SE", "1")} == {
        (line["row"], line["trial"]) for line in lines_of(folder / "trials.csv")
    }
    assert [(line["row"], line["budget"]) for line in lines_of(folder / "expected_best.csv")] == [
        ("plain", "1"),
        ("plain", "2"),
        ("SE", "1"),
        ("SE", "2"),
    ]
    assert [(v["row"], v["than"], v["fresh_seeds"]) for v in lines_of(folder / "verdicts.csv")] == [
        ("SE", "plain", "2")
    ]
    for name, says in (("trials", "seeds"), ("verdicts", "fresh_seeds")):
        for line in lines_of(folder / f"{name}.csv"):
            assert all(line[one] for one in ("protocol", "dataset", "split", "images", "device", "revision", says))
    assert {"seed-1.json", "seed-2.json"} == {path.name for path in folder.glob("records/*/*/*.json")}
    assert "at each row's own best, 2 fresh seeds, test images:" in out
    assert (again[0], again[1]) == (0, out)
    assert "held-out top-1 error" not in again[2]
    assert catalogue.find_table(str(folder / "tuned_table.py")).rows[1].cell.se is not None
    assert not (tmp_path / "results" / "records").exists()


@pytest.mark.slow
def test_designs_and_one_row_are_searched(senet_lab, mine, tmp_path):
    """The front as a table file, and the best point of one row in a sentence."""
    common = ("search", "my_table.py", "--protocol", "paper", "--trials", "2", "--device", "cpu")
    designs, row = senet_lab(*common, "--design"), senet_lab(*common, "--row", "SE")

    assert (designs[0], row[0]) == (0, 0), designs[2] + row[2]
    assert "2 trained with one seed" in designs[1]
    assert "best of 2 trials with one seed" in row[1]
    folder = tmp_path / "results" / "search" / "demo" / "designs-cifar_resnet11_bottleneck-tiny"
    assert catalogue.find_table(str(folder / "front_table.py")).rows[0].label == "plain"


def test_photos_are_refused_before_anything_is_opened(senet_lab, tmp_path):
    """One line, exit status 2, and no folder was made."""
    for words in ((), ("--row", "r=16"), ("--design",)):
        status, _, err = senet_lab("search", "table7", "--protocol", "imagenet", *words)
        assert (status, "32 x 32" in err, len(err.splitlines())) == (2, True, 1)
    assert list(tmp_path.iterdir()) == []


def test_points_get_no_verdict_on_the_images_that_chose_them(senet_lab, tmp_path):
    """A protocol that evaluates on held-out images has no others; without verdicts it is searched."""
    status, _, err = senet_lab("search", "peak-rate")

    assert (status, len(err.splitlines())) == (2, 1)
    assert "so no verdict can come of them; say --fresh-seeds 0" in err
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_built_is_said_before_anything_is_trained(senet_lab, mine, tmp_path):
    """A ratio that divides no width, in the last row; a name that has no room for the point's."""
    text = (tmp_path / "my_table.py").read_text()
    (tmp_path / "bad.py").write_text(
        text.replace('Row("SE", CELL)', 'Row("SE", replace(CELL, se=SESpec(reduction=7)))')
    )
    (tmp_path / "long.py").write_text(text.replace('name="tiny"', f'name="{"n" * 110}"'))
    for name, said in (("bad.py", "r=7 does not divide"), ("long.py", "cannot be searched")):
        status, _, err = senet_lab("search", name, "--protocol", "paper", "--fresh-seeds", "0")
        assert (status, len(err.splitlines()), said in err) == (2, 1, True)
    assert not (tmp_path / "results").exists()


def test_without_optuna_the_extra_is_named(senet_lab, mine, monkeypatch):
    """One line says what to install; every other command needs it not."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    status, _, err = senet_lab("search", "my_table.py", "--protocol", "paper")

    assert (status, err) == (2, f"senet-lab: senet-lab search needs Optuna; {to_install('search')}\n")


@pytest.mark.parametrize("words", [("--row", "r=16", "--seeds", "3"), ("--design", "--fresh-seeds", "2")])
def test_options_of_the_search_over_a_table_are_refused_elsewhere(senet_lab, words):
    """They were ignored: a single row and a design are tried with one seed, and get no verdicts."""
    status, out, err = senet_lab("search", "table7", "--protocol", "cifar10-quick", *words)

    assert (status, out) == (2, "")
    assert f"{words[-2]} belongs to the search over a table" in err
