"""Output that cannot be written as it is: other encodings, a reader that has gone."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablations.protocols import DEMO
from senet_lab.cli import catalogue, printing, studies
from senet_lab.cli.commands_look import _comparisons
from senet_lab.cli.gather import RESULTS
from senet_lab.records.counts import write_counts
from senet_lab.report.load import PROJECT
from senet_lab.study import Cell
from senet_lab.study.counts import network_key
from tests.samples import counted, filled, finished

TABLE = """
from ablations.protocols import DEMO
from senet_lab.study import Cell, Row, Table
TABLE = Table(
    edition="mine", number="1", topic="mine", caption="Mine", baseline="0.05 ± 0.01 €", companions={},
    rows=(Row("0.05 ± 0.01 €", Cell(backbone="cifar_resnet20", se=None, protocol=DEMO)),),
)
"""


def command(folder, *words, **environment):
    """A real process of senet-lab."""
    return subprocess.run(
        [sys.executable, "-m", "senet_lab", *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


def test_letters_that_the_encoding_lacks_are_spelled(tmp_path):
    """With ASCII alone: ± is +-, a letter without a spelling is ?, and nothing breaks."""
    (tmp_path / "mine.py").write_text(TABLE, encoding="utf-8")
    plain = network_key(Cell(backbone="cifar_resnet20", se=None, protocol=DEMO))
    write_counts(tmp_path / "results", {plain: counted(1, 1, 1)})  # so that it need not load torch for them
    done = command(tmp_path, "plan", "mine.py", PYTHONIOENCODING="ascii")

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert b"mine-table1 0.05 +- 0.01 ? seed 0" in done.stdout


def test_a_reader_that_has_gone_is_no_mistake(tmp_path):
    """A closed pipe ends the command without a word on stderr."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "senet_lab", "list"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert done.stderr == b""
    assert done.returncode in (1, 141)


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "table7", "--seeds", "1000000000"],
        ["train", "table7", "--threads", "1000000000"],
        ["train", "table7", "--workers", "1000000000"],
        ["search", "table7", "--row", "r=16", "--trials", "1000000000"],
        ["excitations", "best", "--seed", "1000000000"],
    ],
)
def test_numbers_have_an_upper_bound(senet_lab, words):
    """A slip of the finger is refused at once, with the range."""
    status, out, err = senet_lab(*words)

    assert (status, out) == (2, "")
    assert "less than or equal to 1" in err


def test_slow_work_says_what_it_is(capsys, monkeypatch):
    """After the limit once, before it not at all."""
    monkeypatch.setattr(printing, "SLOW_SECONDS", 0.0)
    said, ends = "", time.monotonic() + 60
    with printing.said_if_slow("reading"):
        while not said.endswith("\n") and time.monotonic() < ends:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert said == "reading ...\n"
    monkeypatch.setattr(printing, "SLOW_SECONDS", 60.0)
    with printing.said_if_slow("reading"):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_records_that_git_does_not_know_are_said(tmp_path, monkeypatch, capsys):
    """Two untracked records are two; without a repository nothing is said."""
    rows = studies.table_under(catalogue.find_table("table7"), "cifar10-quick").rows
    filled(tmp_path / "results", *(finished(row.cell) for row in rows[:2]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    printing.say_what_git_lacks(Path("results"))
    assert capsys.readouterr().err == ""
    subprocess.run(["git", "init", "-q"], check=True)
    printing.say_what_git_lacks(Path("results"))

    assert capsys.readouterr().err.startswith("2 of the records in results are not in git")


def test_figures_name_the_sources_as_reports_do(tmp_path, monkeypatch):
    """Another folder's figures bear its name: they are not taken for the project's."""
    loaded = []
    monkeypatch.setattr("senet_lab.report.load.load_all", lambda roots, *_: loaded.extend(roots) or [])
    monkeypatch.chdir(tmp_path)
    _comparisons(["cost"], RESULTS.resolve())
    assert loaded == [(RESULTS, PROJECT)]

    _comparisons(["cost"], tmp_path / "X")
    assert loaded[1:] == [(RESULTS, PROJECT), (tmp_path / "X", str(tmp_path / "X"))]
