"""Many runs on one machine: worker processes side by side, one run each at a time.

A run's numbers do not depend on its neighbours: each has its own process, its own streams and a fixed number of
threads. A run that breaks does not stop the others.
"""

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Protocol as Interface

from senet_lab.errors import StudyError
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings
from senet_lab.training.worker import Fate, Outcome, work

RETRY_SECONDS = 5.0  # before a run that another process holds is asked for again


class Watcher(Interface):
    """Who is told what the fleet does."""

    def started(self, run: Run) -> None:
        """A worker took a run."""

    def progressed(self, run: Run, progress: Progress) -> None:
        """A run went on."""

    def ended(self, run: Run, outcome: Outcome) -> None:
        """A run came to an end, or is in other hands."""


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection
    run: Run | None = None
    since: float = field(default_factory=time.monotonic)


def workers_for(settings: Settings, runs: int) -> int:
    """How many processes train side by side: on a CPU one for each run's share of the cores, on a GPU one."""
    if settings.device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(runs, cores // settings.threads))


def train_all(runs: Sequence[Run], store: Store, settings: Settings, workers: int, watcher: Watcher) -> list[str]:
    """Trains every run to its record; returns a line for each run that broke.

    Raises StudyError where no run can go on (data missing, disk full). Workers end with this process, and an
    interrupted run goes on from its last epoch when it is asked for again.
    """
    waiting, broken = deque((0.0, run) for run in runs), []
    crew: list[_Worker] = []
    try:
        while waiting or any(worker.run for worker in crew):
            _hand_out(waiting, crew, workers, store, settings, watcher)
            for worker in _ready(crew):
                message = _receive(worker)
                run = worker.run
                assert run is not None
                if isinstance(message, Progress):
                    watcher.progressed(run, message)
                    continue
                worker.run = None
                watcher.ended(run, message)
                if message.fate is Fate.STOP:
                    raise StudyError(message.text)
                if message.fate is Fate.BUSY:
                    waiting.append((time.monotonic() + RETRY_SECONDS, run))
                if message.fate is Fate.ERROR:
                    broken.append(f"{run.cell.key} seed {run.seed}: {message.text}")
            crew = [worker for worker in crew if worker.run or worker.process.is_alive()]
    finally:
        for worker in crew:
            worker.connection.close()
            if worker.run:
                worker.process.terminate()
        for worker in crew:
            worker.process.join()
    return broken


def _hand_out(
    waiting: deque[tuple[float, Run]],
    crew: list[_Worker],
    workers: int,
    store: Store,
    settings: Settings,
    watcher: Watcher,
) -> None:
    idle = [worker for worker in crew if worker.run is None]
    for _ in range(len(waiting)):
        due, run = waiting.popleft()
        if due > time.monotonic() or not (idle or len(crew) < workers):
            waiting.append((due, run))
            continue
        if not idle:
            crew.append(_hire(len(crew), store, settings))
            idle.append(crew[-1])
        worker = idle.pop()
        worker.run = run
        worker.connection.send(run)
        watcher.started(run)


def _hire(number: int, store: Store, settings: Settings) -> _Worker:
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)  # read by the worker when it loads torch
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    log = store.root / "cache" / "logs" / f"worker-{number}.log"
    process = context.Process(target=work, args=(theirs, store, settings, log, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _ready(crew: list[_Worker]) -> list[_Worker]:
    busy = {worker.connection: worker for worker in crew if worker.run}
    if not busy:
        time.sleep(0.2)
        return []
    return [busy[connection] for connection in wait(list(busy), timeout=1.0)]  # type: ignore[index]


def _receive(worker: _Worker) -> Progress | Outcome:
    try:
        message: Progress | Outcome = worker.connection.recv()
        return message
    except (EOFError, ConnectionResetError):
        worker.process.join(timeout=5)
        return Outcome(
            Fate.ERROR, f"its process ended with status {worker.process.exitcode} (out of memory, or killed)"
        )
