"""The notebooks run, cell after cell, and what is committed of them can be read on the web."""

import json
import os
import shutil
from pathlib import Path

import pytest

from senet_lab.excitations.files import write_capture
from tests.excitations.made_up import CLASSES, made_up
from tests.notebook_cells import executed

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 200_000  # bytes


def cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def text_of(notebook: dict) -> str:
    """All that its cells printed."""
    outputs = [output for cell in cells(notebook) for output in cell["outputs"]]
    return "".join("".join(output.get("text", ())) for output in outputs)


def pictures(notebook: dict) -> int:
    return sum("image/png" in output.get("data", {}) for cell in cells(notebook) for output in cell["outputs"])


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_notebook_shows_its_outputs_and_is_small(name):
    """Every cell was run in order, a picture is in it, and no path of a machine."""
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = json.loads(path.read_text())

    assert [cell["execution_count"] for cell in cells(notebook)] == list(range(1, len(cells(notebook)) + 1))
    assert pictures(notebook) >= 1
    assert path.stat().st_size < LARGEST
    assert not any(place in text_of(notebook) for place in ("/home/", "/root/", "/tmp/", "Traceback"))


@pytest.mark.parametrize("captures", [0, 1])
def test_the_notebook_of_excitations_runs(tmp_path, monkeypatch, captures):
    """On a capture and on none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    for index in range(captures):
        write_capture(tmp_path / "results", f"sample-{index}", made_up(), CLASSES[:4])
    notebook = executed(ROOT / "notebooks" / "excitations.ipynb")

    assert ("holds here" in text_of(notebook)) == bool(captures)
    assert ("there is no capture yet" in text_of(notebook)) == (not captures)
    assert pictures(notebook) == captures


@pytest.mark.slow
def test_the_notebook_of_table_7_runs_on_a_copy_of_the_results(tmp_path, monkeypatch):
    """From its own folder: LaTeX of the first comparison, and the differences as a picture."""
    shutil.copytree(ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("cache", "figures"))
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    before = os.getcwd()
    notebook = executed(ROOT / "notebooks" / "table7.ipynb")

    assert os.getcwd() != before
    assert r"\begin{tabular}" in text_of(notebook) or r"\begin{table}" in text_of(notebook)
    assert pictures(notebook) == 1


@pytest.mark.slow
def test_the_notebook_of_the_search_runs():
    """Equal budgets for both rows, a table file, and a front of designs."""
    pytest.importorskip("optuna")
    notebook = executed(ROOT / "notebooks" / "search.ipynb")
    text = text_of(notebook)

    assert [text.count(f"{row}, trial ") for row in ("plain", "SE r=4")] == [8, 8]
    assert "TABLE = Table(" in text
    assert "front" in text
