"""The notebooks run, cell after cell."""

import json
import os
from pathlib import Path

import pytest

from senet_lab.excitations.files import write_capture
from tests.excitations.made_up import CLASSES, made_up

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("captures", [0, 1])
def test_the_notebook_runs(tmp_path, monkeypatch, capsys, captures):
    """Its cells, one after another, on a capture and on none; nothing it printed is stored in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")
    (tmp_path / "results").mkdir()
    for index in range(captures):
        write_capture(tmp_path / "results", f"sample-{index}", made_up(), CLASSES[:4])
    cells = json.loads((ROOT / "notebooks" / "excitations.ipynb").read_text())["cells"]
    namespace: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    printed = capsys.readouterr().out

    assert ("holds here" in printed) == bool(captures)
    assert ("there is no capture yet" in printed) == (not captures)
