"""Workers on two machines that share a folder, where a lock of one is not seen by the other."""

import os
import signal
import time
from dataclasses import replace

import pytest

from senet_lab.records import file_system, lease
from senet_lab.records.file_system import Reach
from senet_lab.records.store import Store
from senet_lab.study.cell import runs_of
from tests.children import exit_statuses, in_child
from tests.samples import PLAIN, SE, finished

RUNS = runs_of([SE, PLAIN], 4)
SECONDS = 300.0  # after which the test gives up


def see_from(view, root, reach):
    """Makes this process one of a machine of that name, whose locks lie where the other machine does not see them."""
    flock = file_system.flock
    lease.machine = lambda: view * 3
    file_system.flock = lambda path: flock(root / view / path.name)
    file_system.probed.cache_clear()
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


def wait_until(true):
    """Raises AssertionError where it does not come true in SECONDS."""
    ends = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def silence_leases(store):
    """Makes every lease as old as if its holder had been silent until it counts as dead."""
    for file in (store.root / "cache" / "locks").rglob("*.lease-*"):
        then = file.stat().st_mtime - lease.DEAD_SECONDS - 10
        os.utime(file, (then, then))


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
    for name in ("marks", "a", "b"):
        (tmp_path / name).mkdir()
    stuck = in_child(train, tmp_path, "a", reach, True)
    wait_until(lambda: list((tmp_path / "marks").iterdir()))
    (mark,) = (tmp_path / "marks").iterdir()
    workers = [in_child(train, tmp_path, view, reach, False) for view in views]
    store = Store(tmp_path / "results")
    wait_until(lambda: len(store.missing(RUNS)) == 1)
    time.sleep(0.2)
    assert len(store.missing(RUNS)) == 1  # it lives, so nobody takes it
    mark.unlink()
    os.kill(stuck, signal.SIGKILL)
    os.waitpid(stuck, 0)
    if "a" not in views:
        time.sleep(0.2)
        assert len(store.missing(RUNS)) == 1  # it may live
        silence_leases(store)

    assert exit_statuses(workers) == [0] * 4
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
    wait_until(begun.exists)
    answers = [in_child(ask, "a", file_system.Flock.BUSY), in_child(ask, "b", file_system.Flock.HELD)]
    assert exit_statuses(answers) == [0, 0]
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
