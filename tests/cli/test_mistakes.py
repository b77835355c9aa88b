"""Mistakes of a user, and files that are damaged or missing: one line that says what to do, and no traceback."""

import json
import os
import subprocess
import sys

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.fleet.outcome import Fate
from senet_lab.fleet.worker import _Worker
from senet_lab.records.counts import write_counts
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.counts import network_key
from senet_lab.training.settings import Settings
from tests.samples import counted, filled, finished, one_line

TABLE7 = catalogue.find_table("table7")
DEMO7 = studies.table_under(TABLE7, "demo")
NOWHERE = "http://127.0.0.1:9"  # a port that nobody listens to, so that every download fails at once


@pytest.mark.parametrize("words", [["plan"], ["train"], ["reproduce"], ["report"], ["train", "--dry-run"]])
def test_a_damaged_record_is_one_line(senet_lab, tmp_path, words):
    """Exit status 2, the path, and what to do; it is not trained over."""
    store = filled(tmp_path / "results", *(finished(row.cell) for row in DEMO7.rows))
    path = store.path(Run(cell=DEMO7.row("r=16").cell, seed=0))
    path.write_text(path.read_text().replace("1", "2", 1))
    before = path.read_bytes()
    status, out, err = senet_lab(words[0], "table7", *words[1:])

    assert (status, out) == (2, "")
    assert one_line(err).startswith(f"senet-lab: {path.relative_to(tmp_path)} is no valid record (")
    assert "delete it and train that run again" in err
    assert before == path.read_bytes()


def test_a_file_in_place_of_the_results_is_one_line(senet_lab, tmp_path):
    """Found before anything is trained."""
    (tmp_path / "mine").write_text("a file")
    status, _, err = senet_lab("train", "table7", "--results", "mine")

    assert status == 2
    assert one_line(err).startswith("senet-lab: mine is a file, though a folder belongs there")


OWN_TABLE = """
from dataclasses import replace
from ablations import cvpr2018_table7_reduction as paper
from senet_lab.study import Row, SESpec
TABLE = replace(paper.TABLE, edition="mine", rows=(paper.TABLE.rows[0], Row("own", replace(paper.BASE, se={se}))))
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            OWN_TABLE.format(se="SESpec(gate='softmax')"),
            "gate is 'softmax'; it must be one of 'sigmoid', 'tanh', 'relu'",
        ),
        (OWN_TABLE.format(se="SESpec(reduction=0)"), "reduction is 0"),
        (OWN_TABLE.format(se="16"), "se is 16; it must be an SESpec"),
        (OWN_TABLE.format(se="SESpec("), "never closed"),
        ("import a_package_that_is_not_there", "No module named 'a_package_that_is_not_there'"),
        ("TABLE = 7", "has no TABLE of type senet_lab.study.Table"),
        ("", "has no TABLE of type senet_lab.study.Table"),
    ],
)
def test_a_mistake_in_a_users_table_is_one_line(senet_lab, tmp_path, text, said):
    """Exit status 2, with the file's name and the mistake."""
    (tmp_path / "my_table.py").write_text(text)
    status, out, err = senet_lab("plan", "my_table.py")

    assert (status, out) == (2, "")
    assert one_line(err).startswith("senet-lab: my_table.py")
    assert said in err


@pytest.mark.parametrize(
    ("words", "width"),
    [(["report"], 256), (["train", "--row", "own", "--protocol", "demo"], 64), (["reproduce"], 256)],
)
def test_a_ratio_that_does_not_divide_is_one_line(senet_lab, tmp_path, words, width):
    """r=7 is named with the network and the width before anything is trained, and nothing is recorded."""
    (tmp_path / "my_table.py").write_text(OWN_TABLE.format(se="SESpec(reduction=7)"))
    status, out, err = senet_lab(words[0], "my_table.py", *words[1:])

    assert (status, out) == (2, "")
    assert one_line(err).endswith(f": r=7 does not divide {width} channels")
    assert not (tmp_path / "results" / "records").exists()


def test_a_users_table_is_planned(senet_lab, tmp_path):
    """Its plain row is table 7's, so its record would be found again."""
    (tmp_path / "my_table.py").write_text(OWN_TABLE.format(se="SESpec(reduction=2)"))
    _, out, _ = senet_lab("plan", "my_table.py", "--protocol", "demo", "--json")
    own, plain = json.loads(out)[1], json.loads(out)[0]

    assert DEMO7.row("original").cell.key == plain["key"]
    assert own["label"] == "mine-table7 own seed 0"


@pytest.mark.slow
def test_data_that_cannot_be_had_is_one_line(tmp_path):
    """CIFAR-10 neither there nor to be downloaded: the real command, with its worker, says what to do."""
    environment = os.environ | {name: NOWHERE for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    environment |= {"SENET_LAB_DATA": str(tmp_path / "empty"), "NO_PROXY": "", "no_proxy": ""}
    cell = studies.table_under(TABLE7, "cifar10-quick").row("original").cell
    write_counts(tmp_path / "results", {network_key(cell): counted(1, 1, 1)})  # so that it need not load torch for them
    words = ["reproduce", "table7", "--protocol", "cifar10-quick", "--row", "original", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "senet_lab", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "could not be downloaded" in line]

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert one_line("\n".join(said)).startswith(f"senet-lab: cifar10 is not in {tmp_path}/empty/cifar10 and could not")
    assert "set SENET_LAB_DATA to a folder that has cifar10/train_images.npy" in said[0]
    assert not (tmp_path / "results" / "records").exists()


def attempted(protocol, root, monkeypatch):
    """How a worker's attempt at the plain row of table 7 ends, with the data sets of the folder ``data``."""
    monkeypatch.setenv("SENET_LAB_DATA", str(root / "data"))
    run = Run(cell=studies.table_under(TABLE7, protocol).row("original").cell, seed=0)
    return _Worker(Store(root / "results"), Settings(), 1)._attempt(run, lambda progress: None)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("cifar10-quick", "cifar10/train_images.npy is damaged ("),
        ("cifar100", "cifar100/test_labels.npy is missing; put it there"),
        ("imagenet", "imagenet/train is missing: put ImageNet there"),
    ],
)
def test_damaged_or_missing_data_stops_a_worker(tmp_path, monkeypatch, protocol, said):
    """A cut array, a lacking one, no ImageNet: no run can go on, and the reason is one line with the path."""
    import numpy as np

    def save(path, *shape):
        np.lib.format.open_memmap(path, "w+", np.uint8, shape)  # zeros that take no place on the disk

    for name in ("cifar10", "cifar100"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        save(folder / "train_images.npy", 50_000, 32, 32, 3)
        save(folder / "train_labels.npy", 50_000)
    save(folder / "test_images.npy", 10_000, 32, 32, 3)
    cut = tmp_path / "data" / "cifar10" / "train_images.npy"
    os.truncate(cut, 1_000_000)
    outcome = attempted(protocol, tmp_path, monkeypatch)

    assert outcome.fate is Fate.NO_DATA
    assert one_line(outcome.text).startswith(f"{tmp_path}/data/{said}")


def test_a_download_that_fails_stops_a_worker(tmp_path, monkeypatch):
    """CIFAR-10 neither there nor to be had: the line says where it would be looked for."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    outcome = attempted("cifar10-quick", tmp_path, monkeypatch)

    assert outcome.fate is Fate.NO_DATA
    assert one_line(outcome.text).startswith(f"cifar10 is not in {tmp_path}/data/cifar10 and could not be downloaded")
    assert "set SENET_LAB_DATA to a folder that has cifar10/train_images.npy" in outcome.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nx = (\n", "my_table.py, line 2: SyntaxError: '(' was never closed"),
        ("x = 1\n\n1 / 0\n", "my_table.py, line 3: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "my_table.py, line 2: SystemExit: 3"),
        (
            OWN_TABLE.format(se="SESpec()").replace('"mine"', '"../mine"'),
            "my_table.py, line 5: ValueError: a table's edition",
        ),
    ],
)
def test_the_line_of_a_mistake_in_a_users_table_is_named(senet_lab, tmp_path, text, said):
    """A file that ends the process itself is a mistake too, and so is an edition that would write elsewhere."""
    (tmp_path / "my_table.py").write_text(text)
    status, out, err = senet_lab("report", "my_table.py")

    assert (status, out) == (2, "")
    assert one_line(err).startswith(f"senet-lab: {said}")
    assert not (tmp_path / "results").exists()


def test_a_pipe_is_no_table(senet_lab, tmp_path):
    """It is refused, not waited for."""
    os.mkfifo(tmp_path / "my_table.py")

    assert one_line(senet_lab("plan", "my_table.py")[2]) == "senet-lab: my_table.py is no Python file"


def test_an_own_table_leaves_the_committed_files_alone(senet_lab, tmp_path):
    """Its report writes files of its own name, and no counts, page of claims or other table."""
    (tmp_path / "my_table.py").write_text(OWN_TABLE.format(se="SESpec(reduction=2)"))
    status, out, _ = senet_lab("report", "my_table.py")
    written = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]

    assert status == 0
    assert "Table 7 (mine)" in out
    assert {"mine-table7"} == {path.name[:11] for path in written}


@pytest.mark.parametrize(
    "words",
    [
        ["train", "loop.py"],
        ["report", "table7", "--results", "loop.py"],
        ["train", "table7", "--protocol", "demo", "--results", "loop.py"],
        ["evaluate", "table2", "--data", "loop.py"],
        ["excitations", "timm:legacy_seresnet18", "--random-weights", "--data", "loop.py"],
    ],
)
def test_a_link_to_itself_is_one_line_that_names_it(senet_lab, tmp_path, words):
    """Wherever a user may name a file or a folder."""
    (tmp_path / "loop.py").symlink_to("loop.py")
    status, out, err = senet_lab(*words)

    assert (status in (1, 2), out) == (True, "")
    assert "loop.py" in one_line(err)
