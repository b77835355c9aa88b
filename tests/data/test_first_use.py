"""A data set that several processes ask for at once is brought once; an interruption leaves nothing to mend."""

import os
import threading
import time

import numpy as np
import pytest
from filelock import FileLock

from senet_lab import living
from senet_lab.data import first_use
from senet_lab.data.first_use import TEMPORARY, alone, save_arrays, scratch
from senet_lab.errors import StudyError
from tests.children import exit_statuses, in_child


def _bring(folder, log):
    with alone(folder):
        if not (folder / "set.npz").exists():
            with scratch(folder) as place:
                (place / "part").write_text("half")
                time.sleep(0.05)
            save_arrays(folder / "set.npz", images=np.arange(5))
            with open(log, "a") as file:
                file.write("brought\n")


def test_one_process_brings_and_the_others_wait(tmp_path):
    """Four processes at once: one download, four times the same data, no temporary name left."""
    folder, log = tmp_path / "set", tmp_path / "log"
    children = [in_child(_bring, folder, log) for _ in range(4)]

    assert exit_statuses(children) == [0, 0, 0, 0]
    assert log.read_text() == "brought\n"
    assert {".lock", "set.npz"} == {path.name for path in folder.iterdir()}


def test_leftovers_of_a_killed_process_go_with_the_next_use(tmp_path):
    """Its half-written file and folder are removed, and what another machine has not touched for a day; the rest stays.

    A lock may hold on one machine alone, so what a living process or another machine writes must not go.
    """
    dead = in_child(os.getpid)
    exit_statuses([dead])
    here = f"{TEMPORARY}{living.machine()}-"
    names = [f"{here}{dead}-abc.npz", f"{here}{os.getpid()}-abc.npz", f"{TEMPORARY}0123456789ab-7-abc.npz"]
    for name in names:
        (tmp_path / name).write_text("half")
    for name in (f"{here}{dead}-def", f"{TEMPORARY}old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.tar").write_text("half")
        for path in (tmp_path / name / "part.tar", tmp_path / name):
            os.utime(path, (0, 0))
    (tmp_path / "mine.npy").write_text("healthy")
    with alone(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {"mine.npy", *names[1:]}


def test_who_waits_for_another_process_says_so(tmp_path, monkeypatch, capsys):
    """And never makes a file in place of a lock, which a killed process on another machine would leave for ever."""
    monkeypatch.setattr(first_use, "SAY_SECONDS", 0.01)
    log = tmp_path / "log"
    children = [in_child(_bring, tmp_path / "set", log) for _ in range(2)]
    assert exit_statuses(children) == [0, 0]
    holder = FileLock(tmp_path / "set" / ".lock", thread_local=False)
    with holder:
        threading.Timer(0.1, lambda: holder.release(force=True)).start()
        with alone(tmp_path / "set"):
            pass

    assert f"waits for another process that makes the data in {tmp_path / 'set'}" in capsys.readouterr().err
    assert first_use.HARD == {"fallback_to_soft": False}


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    """Where locking fails, a process goes on alone."""

    def refuse(self, *args, **kwargs):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with alone(tmp_path):
        save_arrays(tmp_path / "a.npz", x=np.zeros(2))

    assert np.load(tmp_path / "a.npz")["x"].tolist() == [0, 0]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A full disk in the middle: what was there stays, and no half file does."""
    save_arrays(tmp_path / "a.npz", x=np.zeros(2))

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        save_arrays(tmp_path / "a.npz", x=np.ones(2))

    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert np.load(tmp_path / "a.npz")["x"].tolist() == [0, 0]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """A file in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"cannot make .*file/set"), alone(tmp_path / "file" / "set"):
        pass
