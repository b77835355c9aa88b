"""One thread a test process: the tests run side by side, and their numbers do not depend on the cores.

And ``senet_lab``, a command called in this process.
"""

import gc
import os
import sys

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # commands that tests start share what is compiled
sys.dont_write_bytecode = False
gc.disable()  # while tests are collected and packages are loaded


def pytest_collection_finish():
    """What is loaded stays loaded, so Python's collector need not search it. That took a tenth of all time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def memory_is_kept():
    """As in a worker: freed memory is not given back and zeroed again at each step of a test."""
    from senet_lab.fleet.worker import keep_memory

    keep_memory()


@pytest.fixture(autouse=True, scope="session")
def no_waiting_for_the_disk():
    """Files are written as always; only the wait for the disk is left out, for no test survives a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


from tests.pictures import as_svg, drawn, drawn_in, every_format, formats, undrawn  # noqa: E402

__all__ = ["as_svg", "drawn", "drawn_in", "every_format", "formats", "undrawn"]


@pytest.fixture(scope="session")
def count_once():
    """Counts networks as commands do, but a network of this project only once for all commands of these tests."""
    from senet_lab import extensions
    from senet_lab.cli import network_counts
    from senet_lab.study.counts import network_key

    count, known = network_counts.count, {}

    def counted(cells):
        cells = list(cells)
        own = [cell for cell in cells if extensions.used_by(cell)]
        wanted = {network_key(cell): cell for cell in cells if cell not in own}
        known.update(count(cell for key, cell in wanted.items() if key not in known))
        return {key: known[key] for key in wanted} | count(own)

    return counted


@pytest.fixture
def senet_lab(tmp_path, monkeypatch, capsys, count_once):
    """Runs a command in an empty folder; returns its exit status, stdout and stderr."""
    from senet_lab import extensions
    from senet_lab.cli.app import main

    monkeypatch.chdir(tmp_path)
    # a command is a process of its own, which has loaded nothing, and what it says here does not depend on the machine
    monkeypatch.setattr(extensions.registry, "_loaded", {})
    monkeypatch.setattr("senet_lab.cli.printing.SLOW_SECONDS", 3600.0)
    monkeypatch.setattr("senet_lab.cli.network_counts.count", count_once)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["senet-lab", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return ended.value.code or 0, printed.out, printed.err

    return run
