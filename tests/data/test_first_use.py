"""A data set that several processes ask for at once is brought once; an interruption leaves nothing to mend."""

import time

import numpy as np
import pytest

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
    """A half-written file and folder of another process are removed; healthy files stay."""
    (tmp_path / f"{TEMPORARY}abc.npz").write_text("half")
    (tmp_path / f"{TEMPORARY}def").mkdir()
    (tmp_path / f"{TEMPORARY}def" / "part.tar").write_text("half")
    (tmp_path / "mine.npy").write_text("healthy")
    with alone(tmp_path):
        assert {".lock", "mine.npy"} >= {path.name for path in tmp_path.iterdir()}


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
