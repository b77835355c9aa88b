"""Reports need records and the file of counts, and no torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.records.counts import missing_counts, read_counts, write_counts
from senet_lab.records.store import Store
from senet_lab.study.counts import network_key
from tests.samples import counted, filled, finished

ROOT = Path(__file__).parents[2]
BLOCKED = {"torch", "torchvision", "pytorch_lightning", "lightning", "safetensors", "optuna"}
TABLE7 = ["reproduce", "table7", "--protocol", "cifar10", "--seeds", "2", "--json"]
GATE = ["report", "gate"]
END = "\x1e"  # between the commands of one process
COMMAND = f"""
import sys
END = {END!r}
_, *formats = sys.argv
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
from senet_lab.cli.app import main
for words in {[GATE, TABLE7]!r}:
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as ended:
        print(END, int(ended.code or 0), sep="", end=END, flush=True)
        print(END, end="", file=sys.stderr, flush=True)
    from senet_lab.report import picture  # only now, since the first command has chosen a plotting backend that exists
    picture.FORMATS = {{name: picture.FORMATS[name] for name in formats}}
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder with records and curves of table 7 under cifar10, two seeds a row, and with all counts."""
    root = tmp_path_factory.mktemp("clone")
    paper = catalogue.find_table("table7")
    companion = studies.table_under(paper, "cifar10")
    cells = [row.cell for row in companion.rows]
    records = [finished(cell, seed, 200 + 7 * i + seed) for i, cell in enumerate(cells) for seed in (0, 1)]
    filled(root / "results", *records, epochs=5)
    networks = {network_key(row.cell) for row in (*paper.rows, *companion.rows)}
    write_counts(root / "results", {network: counted(1_000, 10, 20_000) for network in networks})
    return root


@pytest.fixture(scope="module")
def without_torch(clone, formats):
    """Status, stdout and stderr of two commands, one after the other in a process that has no torch."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *formats],
        cwd=clone,
        env=os.environ | {"PYTHONHASHSEED": "7", "MPLBACKEND": "no_such_backend"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr
    gate, gate_status, table7, status, _ = done.stdout.split(END)
    said = done.stderr.split(END)
    return (int(gate_status), gate, said[0]), (int(status), table7, said[1])


def test_a_table_is_reported_without_torch(clone, without_torch, drawn_in):
    """`senet-lab reproduce table7 --seeds 2`, every run recorded, prints the table and writes tables and figures.

    It needs no plotting backend. A second process, here, writes the same bytes.
    """
    _, (status, out, err) = without_torch
    paths = json.loads(out)["files"]

    assert status == 0
    assert err.startswith("table7: all 10 runs are recorded, nothing to train; to train them again, name another")
    assert {".md", ".csv", ".tex", *(f".{name}" for name in drawn_in)} == {Path(path).suffix for path in paths}
    assert "results/figures/cvpr2018-table7-cifar10-curves.svg" in paths
    first = {path: (clone / path).read_bytes() for path in paths}
    from senet_lab.cli.app import main

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(clone)
        patch.setattr(sys, "argv", ["senet-lab", "report", "table7"])
        main_ends_well(main)
    assert [path for path in paths if first[path] != (clone / path).read_bytes()] == []


def main_ends_well(main):
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_where_torch_is_needed_its_absence_is_one_line(without_torch):
    """A network without counts must be built: the package is named. So these tests do block it."""
    (status, out, err), _ = without_torch

    assert (status, out) == (1, "")
    assert (
        err.splitlines(keepends=True)[-1]
        == "senet-lab: this needs the package torch, which is not installed; run make install\n"
    )


def test_the_committed_counts_are_complete():
    """Every row of every table has counts, and so has every committed record: no report of these builds a network."""
    cells = [row.cell for table in catalogue.tables() for row in table.rows]
    cells += [record.run.cell for record in Store(ROOT / "results").read_all()]

    assert missing_counts(cells, read_counts(ROOT / "results")) == {}
