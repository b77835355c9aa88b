"""The README's commands work as printed: each is understood, and the quick ones run, on a copy of the results."""

import re
import shlex
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
import typer

from senet_lab.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MAKE = shutil.which("make")
QUICK = ("plan", "claims", "show", "list", "report", "status")
RECORD = "3921e1a078fc8242"  # the README's own example
UNKNOWN = {"NAME": "resnet50", "DIR": "photos", "KEY": RECORD, "TABLE": "table7", "SOURCE": "best", "PHOTO": "a.jpg"}
GROUP = typer.main.get_command(app)


def commands() -> list[str]:
    """What stands in the README's shell blocks and between backticks and begins with ``make`` or ``senet-lab``."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    found = [*lines, *re.findall(r"`([^`\n]+)`", README)]
    return list(dict.fromkeys(command for command in found if re.match(r"(?:make|senet-lab) [\w-]", command)))


def words_of(command: str, stamped: Path) -> list[list[str]]:
    """The arguments of ``senet-lab`` that a command of the README comes to; none where it is of another program."""
    for name, value in UNKNOWN.items():
        command = re.sub(rf"\b{name}\b", value, command)
    words = shlex.split(command)
    if words[0] == "senet-lab":
        return [words[1:]]
    (stamped / "installed").write_text("")
    line = [str(MAKE), "--no-print-directory", "-n", f"VENV={stamped}", *words[1:]]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    called = [shlex.split(one) for one in done.stdout.splitlines()]
    return [one[1:] for one in called if one and one[0] == f"{stamped}/bin/senet-lab"]


@pytest.mark.skipif(not MAKE, reason="needs make")
def test_every_command_is_understood(tmp_path):
    """Its target exists, its command and options too; options that a table leaves open are left open."""
    seen = 0
    for command in commands():
        for words in words_of(command, tmp_path):
            name, *rest = words
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                context = GROUP.commands[name].make_context(name, rest, resilient_parsing=len(rest) == 0)
            assert context.info_name == name
            seen += 1

    assert seen > 20


def quick(tmp_path_factory) -> list[list[str]]:
    return [
        words
        for command in commands()
        for words in words_of(command, tmp_path_factory)
        if words[0] in QUICK and (len(words) > 1 or words[0] in ("claims", "list"))
    ]


@pytest.mark.skipif(not MAKE, reason="needs make")
def test_the_quick_ones_run(senet_lab, tmp_path):
    """Plans, claims and a record in words: each ends with 0 and prints something."""
    shutil.copytree(ROOT / "results" / "records", tmp_path / "results" / "records")
    shutil.copytree(ROOT / "results" / "curves", tmp_path / "results" / "curves")
    shutil.copy(ROOT / "results" / "complexity.json", tmp_path / "results")
    chosen = quick(tmp_path)
    ended = {shlex.join(words): senet_lab(*words) for words in chosen}

    assert {"plan", "claims", "show"} <= {words[0] for words in chosen}
    assert {command: (status, err) for command, (status, out, err) in ended.items() if status or not out} == {}


@pytest.mark.slow
@pytest.mark.skipif(not MAKE, reason="needs make")
def test_the_quick_start_runs_as_printed(senet_lab, tmp_path):
    """`make table7` in a fresh folder trains on synthetic images and prints the table; called again it trains
    nothing."""
    (words,) = words_of("make table7", tmp_path)
    first, second = senet_lab(*words), senet_lab(*words)

    assert (first[0], second[0]) == (0, 0)
    assert "SYNTHETIC DATA" in first[1]
    assert first[1] == second[1]
    assert "nothing to train" in second[2]


def test_the_python_snippets_run():
    """The first block builds networks; of the second everything but the training, which takes an hour."""
    first, second = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(first, "README", "exec"), names)
    before, fit, _ = second.partition("trainer = pl.Trainer")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="pytorch_lightning")
        exec(compile(before, "README", "exec"), names)
        exec(compile("SENetModule(cell, seed=0)", "README", "exec"), names)

    assert fit
    assert names["cell"].backbone == "cifar_resnet29_bottleneck"


def test_unknown_words_are_refused():
    """The test above could fail: an option that is not there is an error."""
    with pytest.raises(Exception, match="No such option: --protocl"):
        GROUP.commands["plan"].make_context("plan", ["table7", "--protocl", "x"])
