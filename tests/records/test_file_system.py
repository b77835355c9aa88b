"""What a folder's file system can do, asked by threads at once; and a server's client that knows too much."""

import threading

from senet_lab.records import file_system, files
from senet_lab.records.file_system import Reach, file_system_of
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from tests.samples import SE


def test_threads_that_ask_at_once_get_the_same_answer(tmp_path):
    """As the runs that share a GPU do at their start; none meets the files of another's test."""
    for number in range(5):
        folder, answers = tmp_path / str(number), []
        file_system.probed.cache_clear()
        barrier = threading.Barrier(16)

        def ask(folder=folder, answers=answers, barrier=barrier):
            barrier.wait()
            answers.append(file_system_of(folder))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [answers[0]] * 16
        assert list((folder / "cache" / "locks").iterdir()) == []


def test_a_folder_on_a_server_is_looked_at_anew_before_a_run_is_trained(tmp_path, monkeypatch):
    """The client may know for a minute that there is no record, in which another machine has written one."""
    looked = []
    monkeypatch.setattr("senet_lab.records.store.look_anew", looked.append)
    store, run = Store(tmp_path), Run(cell=SE, seed=0)
    for reach, expected in ((Reach.MACHINE, 0), (Reach.MACHINES, 1), (Reach.NOBODY, 2)):
        found = file_system.FileSystem("some", True, reach)
        monkeypatch.setattr("senet_lab.records.store.file_system_of", lambda root, found=found: found)
        with store.lock(run) as held:
            assert held is not None
        assert looked == [store.path(run).parent] * expected
    files.look_anew(tmp_path / "new")

    assert list((tmp_path / "new").iterdir()) == []
