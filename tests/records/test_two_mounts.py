"""Workers on two machines that share a folder, where a lock of one is not seen by the other."""

import os
import signal
import time
import warnings
from dataclasses import replace

import pytest

from senet_lab.records import file_system, lease
from senet_lab.records.file_system import Reach
from senet_lab.records.store import Store
from senet_lab.study.cell import runs_of
from tests.samples import PLAIN, SE, finished

RUNS = runs_of([SE, PLAIN], 4)
SECONDS = 60.0  # after which the test gives up


def in_child(work, *words) -> int:
    """Starts a process that does some work; returns its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does not use
        child = os.fork()
    if child == 0:
        try:
            work(*words)
            os._exit(0)
        finally:
            os._exit(1)
    return child


def see_from(view, root, reach):
    """Makes this process one of a machine of that name, whose locks lie where the other machine does not see them."""
    flock = file_system.flock
    lease.machine = lambda: view * 3
    file_system.flock = lambda path: flock(root / view / path.name)
    file_system.file_system_of.cache_clear()
    file_system._mount_of = lambda path: ("ext4" if reach is Reach.MACHINE else "cifs", set())


def train(root, view, reach, stops):
    """Trains what is missing until nothing is; marks what it trains; ``stops``: it stays in its first run for ever."""
    see_from(view, root, reach)
    store, marks = Store(root / "results"), root / "marks"
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends and store.missing(RUNS):
        for run in RUNS:
            with store.lock(run) as held:
                if held is None or store.read(run) is not None:
                    continue
                mark = marks / f"{run.cell.key}-{run.seed}"
                with open(mark, "x" if not stops else "w"):
                    pass
                while stops:
                    time.sleep(1)
                time.sleep(0.01)
                mark.unlink()
                assert store.write(replace(finished(run.cell), run=run))
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("reach", "views"),
    [
        (Reach.MACHINE, "abab"),
        (Reach.NOBODY, "bbbb"),
        pytest.param(Reach.MACHINE, "bbbb", marks=pytest.mark.slow),
        pytest.param(Reach.NOBODY, "abab", marks=pytest.mark.slow),
    ],
)
def test_no_run_is_trained_twice_at_once(tmp_path, monkeypatch, reach, views):
    """Four workers; one more, on machine a, is killed in its first run. Machine a knows that at once, b when its lease
    is silent for long enough, and then the run is taken over.

    A mark that is made exclusively lies beside each run that is trained, so two at once would end a worker.
    """
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lease, "DEAD_SECONDS", 3.0)
    for name in ("marks", "a", "b"):
        (tmp_path / name).mkdir()
    stuck = in_child(train, tmp_path, "a", reach, True)
    while not list((tmp_path / "marks").iterdir()):
        time.sleep(0.01)
    (mark,) = (tmp_path / "marks").iterdir()
    workers = [in_child(train, tmp_path, view, reach, False) for view in views]
    store = Store(tmp_path / "results")
    while len(store.missing(RUNS)) > 1:
        time.sleep(0.02)
    time.sleep(0.2)
    assert len(store.missing(RUNS)) == 1  # it lives, so nobody takes it
    mark.unlink()
    os.kill(stuck, signal.SIGKILL)
    os.waitpid(stuck, 0)
    killed = time.monotonic()

    assert [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers] == [0] * 4
    assert "a" in views or time.monotonic() - killed > 2.0
    assert store.missing(RUNS) == []
    assert list((tmp_path / "marks").iterdir()) == []


def test_the_views_of_this_test_do_not_see_each_other(tmp_path):
    """A lock that one machine holds is busy there and free on the other, as on NFS with local locks."""
    for view in "ab":
        (tmp_path / view).mkdir()
    begun = tmp_path / "begun"

    def hold():
        see_from("a", tmp_path, Reach.MACHINE)
        with file_system.flock(tmp_path / "x") as held:
            begun.write_text(held)
            time.sleep(SECONDS)

    def ask(view, expected):
        see_from(view, tmp_path, Reach.MACHINE)
        with file_system.flock(tmp_path / "x") as found:
            assert found == expected

    holder = in_child(hold)
    while not begun.exists():
        time.sleep(0.01)
    answers = [in_child(ask, "a", file_system.Flock.BUSY), in_child(ask, "b", file_system.Flock.HELD)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in answers] == [0, 0]
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
