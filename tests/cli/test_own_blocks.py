"""A file with a block of one's own, through the command and its worker processes."""

import hashlib
import json

import pytest

from tests.samples import one_line

TABLE = """
from dataclasses import replace
import torch
from torch import nn
from ablations.protocols import DEMO
from senet_lab.study import Cell, Row, SESpec, Table, own_block

class Twice(nn.Module):
    def forward(self, u):
        BODY

BLOCKS = {"twice": lambda site: Twice()}
MINE = replace(DEMO, name="mine", title="synthetic images", train_images=60, test_images=20, batch_size=20, epochs=1)
PROTOCOLS = (MINE,)
BASE = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=MINE)
TABLE = Table(edition="mine", number="1", topic="twice", caption="Twice", baseline="plain", companions={},
              rows=(Row("plain", BASE), Row("twice", replace(BASE, se=own_block("twice")))))
"""


@pytest.mark.slow
def test_an_own_block_trains_by_its_own_recipe_and_is_named_in_its_record(senet_lab, tmp_path):
    """In workers that never saw the file's module; the plain row's record does not name it. The table is reported."""
    path = tmp_path / "my_table.py"
    path.write_text(TABLE.replace("BODY", "return 2 * u"))
    status, out, err = senet_lab("reproduce", "my_table.py", "--workers", "1")
    records = [
        json.loads(file.read_text()) for file in sorted((tmp_path / "results" / "records" / "mine").rglob("*.json"))
    ]
    named = {bool(record["cell"]["se"]): record["provenance"]["parts"][0].get("extensions") for record in records}

    assert status == 0, err
    assert {True: {"my_table.py": hashlib.sha256(path.read_bytes()).hexdigest()}, False: None} == named
    assert "| twice " in out


def test_a_block_that_raises_is_one_line_before_training(senet_lab, tmp_path):
    """With file and line; nothing is recorded."""
    (tmp_path / "my_table.py").write_text(TABLE.replace("BODY", "raise ValueError('no')"))
    status, _, err = senet_lab("train", "my_table.py")

    assert status == 2
    assert one_line(err).startswith("senet-lab: my_table.py, line 10: ValueError: no (block 'twice' at SE_2_1)")
    assert not (tmp_path / "results" / "records").exists()
