"""Processes end with their parent, with all that they started."""

import contextlib
import gc
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from senet_lab import processes

ROOT = Path(__file__).parents[1]
PARENT = """
import time
from senet_lab import processes
from tests.sleeping import has_a_child
if __name__ == "__main__":
    child = processes.start(has_a_child, ())
    {then}
"""


@pytest.mark.parametrize(
    ("then", "kill"),
    [
        ("time.sleep(60)", signal.SIGKILL),
        ("time.sleep(60)", signal.SIGTERM),
        ("input(); processes.end(child)", 0),
    ],
    ids=["parent killed", "parent terminated", "ended by its parent"],
)
def test_nobody_outlives_the_parent(tmp_path, then, kill):
    """Their common output comes to its end long before the minute that they would sleep."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(then=then))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    parent = subprocess.Popen([sys.executable, str(script)], env={"PYTHONPATH": str(ROOT)}, **pipes)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"here\n"
    if kill:
        parent.send_signal(kill)

    assert parent.communicate(b"go on\n", timeout=50) == (b"", None)


def test_a_child_that_is_gone_can_be_ended_once_more():
    """Nothing is left, and nobody else is hit."""
    child = processes.start(print, ())
    processes.end(child)
    processes.end(child)

    assert child.exitcode is not None


def test_the_collector_rests_while_packages_are_loaded():
    """It works afterwards as before, also when loading fails, and does not search what was loaded."""
    kept = gc.get_freeze_count()
    with contextlib.suppress(ModuleNotFoundError), processes.loading():
        assert not gc.isenabled()
        made = [[] for _ in range(1_000)]
        raise ModuleNotFoundError

    assert gc.isenabled()
    assert gc.get_freeze_count() >= kept + len(made)
