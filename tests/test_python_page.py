"""docs/python.md: its snippets run, one after another, in a folder with a trained network."""

import re
import warnings
from pathlib import Path

import pytest

import senet_lab
from senet_lab.cli import catalogue, studies
from tests.exporting.conftest import Recorded

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets() -> list[str]:
    return SNIPPET.findall(PAGE.read_text())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where ``results`` has the weights of table7's r=16 with seed 0."""
    table = studies.table_under(catalogue.find_table("table7"), None)
    Recorded(tmp_path / "results", senet_lab.Run(cell=table.row("r=16").cell, seed=0))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_snippet_runs(folder, capsys):
    """In order, in one namespace; they print what the page says they print."""
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="pytorch_lightning")
        for snippet in snippets():
            exec(compile(snippet, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out

    assert len(snippets()) > 6
    assert "gate is 'softmax'" in printed
    assert "table7 has no row 'r=15'; the nearest is 'r=16'" in printed
    assert names["trained"].training is False


def test_the_page_uses_public_names_alone():
    """What it imports of senet_lab is in the front door, which is what the page is about."""
    imported = re.findall(r"from senet_lab import (.+)", PAGE.read_text())
    modules = re.findall(r"from (senet_lab\.\S+) import", PAGE.read_text())

    assert {name.strip() for names in imported for name in names.split(",")} <= set(senet_lab.__all__)
    assert modules == []
