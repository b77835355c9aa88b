"""Worker processes and their logs, without starting any."""

from itertools import count
from types import SimpleNamespace

from senet_lab.fleet import crew as module
from senet_lab.fleet.crew import Crew
from senet_lab.records.store import Store
from senet_lab.training.settings import Settings


def test_a_new_worker_never_takes_the_log_of_a_living_one(tmp_path, monkeypatch):
    """After the first of two is lost, its log is free, the other's is not; seats of one process share its log."""
    numbers, logs = count(1), []

    def start(target, arguments):
        logs.append(arguments[-1].name)
        return SimpleNamespace(pid=next(numbers))

    monkeypatch.setattr(module.processes, "start", start)
    crew = Crew(Store(tmp_path), Settings())
    crew.hire(1)
    crew.hire(1)
    crew.close(crew.seats[0])
    crew.hire(2)
    crew.hire(1)

    assert logs == ["worker-0.log", "worker-1.log", "worker-0.log", "worker-2.log"]
