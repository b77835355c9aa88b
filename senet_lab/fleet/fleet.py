"""Many runs on one machine, side by side: on a CPU a process each, on a GPU a thread and a CUDA stream in one process.

A run's numbers do not depend on its neighbours: each has its own random streams and a fixed number of threads. A run
that breaks does not stop the others; one that the GPU's memory does not hold beside them waits for room.
"""

import multiprocessing
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol as Interface

from senet_lab.errors import StudyError
from senet_lab.fleet import processes
from senet_lab.fleet.worker import Fate, Outcome, work
from senet_lab.machine import cores
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Executor, Settings, prepare_child

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
    process: BaseProcess
    connection: Connection
    run: Run | None = None
    since: float = field(default_factory=time.monotonic)


def workers_for(settings: Settings, runs: Sequence[Run]) -> int:
    """How many runs train side by side: on a CPU as many as have a core for each of their threads, on a GPU as many as
    a short measurement finds worth it; one of what Lightning drives."""
    if not runs:
        return 1
    if settings.device != "cpu":
        if any(settings.executor_for(run.cell) is Executor.LIGHTNING for run in runs):
            return 1
        from senet_lab.fleet.gpu_capacity import measured

        return min(len(runs), measured(runs[0], settings, len(runs)))
    return max(1, min(len(runs), cores() // settings.threads))


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
                if message.fate is Fate.CROWDED and any(other.run for other in crew):
                    workers = max(1, workers - 1)
                    worker.connection.close()
                    crew.remove(worker)
                    waiting.append((0.0, run))
                elif message.fate in (Fate.ERROR, Fate.CROWDED):
                    broken.append(f"{run.cell.key} seed {run.seed}: {message.text}")
            crew = [worker for worker in crew if worker.run or worker.process.is_alive()]
    finally:
        for worker in crew:
            worker.connection.close()
        for worker in crew:
            processes.end(worker.process) if worker.run else worker.process.join()
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
            idle = _hire(len(crew), 1 if settings.device == "cpu" else workers - len(crew), store, settings)
            crew += idle
        worker = idle.pop()
        worker.run = run
        worker.connection.send(run)
        watcher.started(run)


def _hire(number: int, runs: int, store: Store, settings: Settings) -> list[_Worker]:
    """One process that trains so many runs side by side."""
    kind = settings.device.partition(":")[0]
    prepare_child(settings.threads, store.root.resolve() / "cache" / f"inductor-{kind}-{settings.threads}")
    pipes = [multiprocessing.Pipe() for _ in range(runs)]
    log = store.root / "cache" / "logs" / f"worker-{number}.log"
    theirs = [theirs for _, theirs in pipes]
    process = processes.start(work, (theirs, store, settings, log))
    for connection in theirs:
        connection.close()
    return [_Worker(process, ours) for ours, _ in pipes]


def _ready(crew: list[_Worker]) -> list[_Worker]:
    """Those that have something to say, or have ended without a word."""
    busy = {worker.connection: worker for worker in crew if worker.run}
    if not busy:
        time.sleep(0.2)
        return []
    speaking = [busy[connection] for connection in wait(list(busy), timeout=1.0)]  # type: ignore[index]
    # A loader's process holds the other end of the pipe too, so the end of a worker alone does not close it.
    return speaking or [worker for worker in busy.values() if not worker.process.is_alive()]


def _receive(worker: _Worker) -> Progress | Outcome:
    try:
        if worker.connection.poll():
            message: Progress | Outcome = worker.connection.recv()
            return message
    except (EOFError, ConnectionResetError):
        worker.process.join(timeout=5)
    processes.end(worker.process)
    return Outcome(Fate.ERROR, f"its process ended with status {worker.process.exitcode} (out of memory, or killed)")
