"""The Makefile: the targets that documents name exist, and each calls one command."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from senet_lab.cli import catalogue

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {
    name for line in MAKEFILE.splitlines() if (m := re.match(r"([\w %-]+):(?!=)", line)) for name in m[1].split()
}


def expansion(tmp_path, *words: str) -> str:
    """What make would do, in a virtual environment that counts as installed."""
    (tmp_path / "installed").touch()
    done = subprocess.run(
        [str(MAKE), "--no-print-directory", "-n", f"VENV={tmp_path}", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(str(tmp_path), "VENV").strip()


def names_in_documents() -> set[str]:
    """Every NAME of ``make NAME`` in the Markdown files that people read first."""
    documents = [ROOT / "README.md", *ROOT.glob("*/README.md"), ROOT / "CHANGELOG.md"]
    text = "\n".join(path.read_text() for path in documents if path.exists())
    return set(re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z][\w-]*)", text, re.MULTILINE))


def test_every_target_of_the_documents_exists():
    """`make NAME` in a README is a target of the Makefile, a table by name or topic, or plan- with one."""
    tables = catalogue.tables()
    known = TARGETS | {name for table in tables for name in catalogue.names_of(table, tables)}
    known |= {f"{prefix}-{name}" for name in known for prefix in ("plan", "resolve", "verify")}

    assert set() == names_in_documents() - known


def test_the_makefile_has_the_targets_of_the_house():
    """Help, installation, checks, lists and reports by these names; everything else is a table."""
    assert {"help", "install", "test", "test-all", "check", "list", "conform", "report", "plan-%", "%"} <= TARGETS
    assert ".PHONY" in MAKEFILE


@pytest.mark.skipif(not MAKE, reason="needs make")
@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["table7"], "senet-lab reproduce table7 --device auto"),
        (
            ["tpami-table10", "PROTOCOL=cifar10", "SEEDS=3", "ROW=r=16", "RESULTS=my results", "DEVICE=cuda"],
            'senet-lab reproduce tpami-table10 --protocol "cifar10" --seeds "3" --row "r=16" --results "my results" '
            "--device cuda",
        ),
        (["table7", "DEVICES=8"], 'senet-lab reproduce table7 --device auto --devices "8"'),
        (["plan-table7"], "senet-lab plan table7"),
        (["verify-table7", "MINUTES=5"], 'senet-lab verify table7 --minutes "5" --device auto'),
        (
            ["histograms", "DATA=my pets"],
            'senet-lab excitations "best" --figure histograms --data "my pets" --device auto',
        ),
        (["report", "RESULTS=mine"], 'senet-lab report-all --results "mine"'),
    ],
)
def test_make_calls_one_command(tmp_path, monkeypatch, words, command):
    """A name becomes `senet-lab reproduce`, with the variables as its options; quotes keep names with spaces whole.

    Variables of the shell with these names are other programs'.
    """
    for name in ("DATA", "SEEDS", "RESULTS", "PROTOCOL", "DEVICE"):
        monkeypatch.setenv(name, "another program's")
    found = re.sub(r" +", " ", expansion(tmp_path, *words))

    assert f"VENV/bin/{re.sub(' +', ' ', command)}" == found


@pytest.mark.skipif(not MAKE, reason="needs make")
@pytest.mark.parametrize("target", ["resolve-table7", "verify-table7", "verify"])
def test_devices_are_refused_where_they_would_be_dropped(tmp_path, target):
    """Who names eight GPUs is told that one would train."""
    with pytest.raises(AssertionError, match=r"DEVICES= is for a table itself \(make NAME DEVICES=8\)"):
        expansion(tmp_path, target, "DEVICES=8")


def test_a_file_called_like_a_target_changes_nothing():
    """Targets that are no file are phony: a folder of that name does not make them up to date."""
    phony = next(line for line in MAKEFILE.splitlines() if line.startswith(".PHONY"))

    patterns = {"plan-%", "resolve-%", "verify-%", "%"}  # their FORCE does the same
    files = {"Makefile", "pyproject.toml", "constraints.txt", "$(STAMP)"}
    assert set(phony.split()[1:]) == TARGETS - patterns - files - {"FORCE"}


@pytest.mark.skipif(not MAKE, reason="needs make")
def test_help_lists_every_target():
    """Each that is no file and no pattern's servant, with what it does."""
    done = subprocess.run([str(MAKE), "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")}

    assert TARGETS - {"FORCE", "Makefile", "pyproject.toml", "constraints.txt", "$(STAMP)"} <= listed


@pytest.mark.skipif(not MAKE, reason="needs make")
def test_an_environment_of_another_checkout_is_refused(tmp_path):
    """Its stamp names the folder that it was made for; one line says so, and nothing runs."""
    (tmp_path / "installed").write_text("/somewhere/else\n")
    done = subprocess.run(
        [str(MAKE), "--no-print-directory", "-n", f"VENV={tmp_path}", "list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path} serves the checkout /somewhere/else, not this one" in done.stderr
