"""Output that cannot be written as it is: other encodings, a reader that has gone, a foreign plotting backend."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from senet_lab.cli import catalogue, show, studies
from senet_lab.records.complexities import write_counts
from senet_lab.study.counts import network_key
from tests.samples import counted, filled, finished

TABLE7 = catalogue.find_table("table7")
CIFAR7 = studies.table_under(TABLE7, "cifar10-quick")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records of table 7 of two seeds, with all counts, so that no network is built."""
    root = tmp_path_factory.mktemp("folder")
    filled(root / "results", *(finished(row.cell, seed, 200 + seed) for row in CIFAR7.rows for seed in (0, 1)))
    cells = [row.cell for table in (TABLE7, CIFAR7) for row in table.rows]
    cells += [row.cell for claim in catalogue.find_with_claims("table7")[1] for row in claim.rows]
    write_counts(root / "results", {network_key(cell): counted(1_000, 10, 20_000) for cell in cells})
    return root


def command(folder, *words, **environment):
    """A real process of senet-lab."""
    return subprocess.run(
        [sys.executable, "-m", "senet_lab", *words],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


def test_letters_that_the_encoding_lacks_are_spelled(folder):
    """With ASCII alone, and a backend that does not exist: ± is +-, and nothing breaks."""
    done = command(folder, "report", "table7", PYTHONIOENCODING="ascii", MPLBACKEND="no_such_backend")

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert b"20.05 +- 0.64 (n = 2)" in done.stdout
    assert (folder / "results" / "figures" / "cvpr2018-table7-cifar10-quick-forest.png").exists()


def test_a_reader_that_has_gone_is_no_mistake(folder):
    """A closed pipe ends the command without a word on stderr."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "senet_lab", "list"],
        cwd=folder,
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
    monkeypatch.setattr(show, "SLOW_SECONDS", 0.0)
    with show.said_if_slow("reading"):
        time.sleep(0.1)
    assert capsys.readouterr().err == "reading ...\n"
    monkeypatch.setattr(show, "SLOW_SECONDS", 60.0)
    with show.said_if_slow("reading"):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_records_that_git_does_not_know_are_said(tmp_path, monkeypatch, capsys):
    """Two untracked records are two; without a repository nothing is said."""
    filled(tmp_path / "results", *(finished(row.cell) for row in CIFAR7.rows[:2]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    show.say_what_git_lacks(Path("results"))
    assert capsys.readouterr().err == ""
    subprocess.run(["git", "init", "-q"], check=True)
    show.say_what_git_lacks(Path("results"))

    assert capsys.readouterr().err.startswith("2 of the records in results are not in git")
