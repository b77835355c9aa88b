"""The export of a network of a user's own: its card's lines work in a process that knows nothing of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from senet_lab import extensions
from senet_lab.exporting.counterparts import Target
from senet_lab.exporting.export import export
from senet_lab.exporting.facts import facts_of_others
from senet_lab.exporting.trained import Trained
from senet_lab.models.of_cell import build_cell
from senet_lab.study import Cell, Run, own_block
from tests.tiny import TINY

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_blocks" / "my_table.py"
CELL = Cell(backbone="three_stages", se=None, protocol=TINY)


def test_the_lines_of_a_card_load_the_file_that_has_the_network(monkeypatch, tmp_path):
    """From beside it, in a new process; the file is named with its digest."""
    monkeypatch.setattr(extensions.registry, "_loaded", {})
    extensions.load_extension(str(EXAMPLE))
    run = Run(cell=replace(CELL, se=own_block("eca", kernel=3)), seed=1)
    model = build_cell(run.cell, 1).eval()
    exported = export(
        Trained(
            source="mine",
            model=model,
            network="three_stages, eca",
            backbone="three_stages",
            se=run.cell.se,
            num_classes=10,
            pixels=32,
            facts=facts_of_others("a test", "unknown"),
            run=run,
        ),
        Target.SAFETENSORS,
        tmp_path,
    )
    folder = exported.paths[0].parent
    shutil.copy(EXAMPLE, folder)
    torch.manual_seed(0)
    image = torch.randn(1, 3, 32, 32)
    lines = [*exported.card.lines, "import torch", "torch.manual_seed(0)"]
    lines += ["print(model(torch.randn(1, 3, 32, 32)).double().sum().item())"]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLE.parents[2])}
    printed = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert abs(float(printed) - model(image).double().sum().item()) < 1e-4
    assert extensions.load_extension(str(EXAMPLE)).sha256[:16] in exported.card.lines[1]
