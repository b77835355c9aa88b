"""The worker processes of a fleet and their seats. A process has one seat on a CPU, and many on a GPU."""

import itertools
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from senet_lab import processes
from senet_lab.fleet.outcome import Outcome
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings, prepare_child

LOOK_SECONDS = 1.0  # between two checks of whether silent workers are alive


@dataclass(eq=False)
class Seat:
    """A place for one run in a worker process. log: the file that the process prints to."""

    process: BaseProcess
    connection: Connection
    log: Path
    run: Run | None = None

    def give(self, run: Run) -> bool:
        """Starts a run here. Returns False if the process has ended while it was idle."""
        try:
            self.connection.send(run)
        except OSError:
            return False
        self.run = run
        return True

    def news(self) -> Progress | Outcome | None:
        """The next message of the run; None if its process has ended without one."""
        try:
            told: Progress | Outcome | None = self.connection.recv() if self.connection.poll() else None
        except (EOFError, ConnectionResetError):
            return None
        return told


class Crew:
    """All worker processes and their seats. What a process prints goes to a log in the results folder."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.seats: list[Seat] = []

    def busy(self) -> list[Seat]:
        """The seats with a run."""
        return [seat for seat in self.seats if seat.run]

    def idle(self) -> list[Seat]:
        """The seats without a run."""
        return [seat for seat in self.seats if not seat.run]

    def hire(self, seats: int) -> None:
        """Starts a further process, with this number of seats."""
        prepare_child(self.settings)
        pipes = [multiprocessing.Pipe() for _ in range(seats)]
        theirs = [theirs for _, theirs in pipes]
        log = self._free_log()
        process = processes.start(_work, (theirs, self.store, self.settings, log))
        for connection in theirs:
            connection.close()
        self.seats += [Seat(process, ours, log) for ours, _ in pipes]

    def _free_log(self) -> Path:
        """The first log that no worker of this command prints to. Other commands may append to it."""
        used = {seat.log for seat in self.seats}
        logs = (self.store.root / "cache" / "logs" / f"worker-{number}.log" for number in itertools.count())
        return next(log for log in logs if log not in used)

    def with_news(self) -> list[Seat]:
        """The seats that have a message, or whose process has ended. Waits a moment for the first."""
        busy = {seat.connection: seat for seat in self.busy()}
        if not busy:
            time.sleep(0.2)
            return []
        telling = [busy[one] for one in wait(list(busy), LOOK_SECONDS) if isinstance(one, Connection)]
        # A loader process also holds the other end of the pipe, so the pipe may stay open when the worker has ended.
        return telling or [seat for seat in busy.values() if not seat.process.is_alive()]

    def ask_to_end(self) -> None:
        """Asks every run to save at the end of its step and to end."""
        for process in {seat.process.pid: seat.process for seat in self.busy()}.values():
            process.terminate()

    def close(self, seat: Seat) -> None:
        """Removes a seat. A process without seats ends by itself."""
        seat.connection.close()
        self.seats.remove(seat)

    def dismiss(self) -> None:
        """Ends all processes: idle ones end by themselves, the others are killed."""
        busy = {seat.process.pid for seat in self.busy()}
        for seat in self.seats:
            seat.connection.close()
        for process in {seat.process.pid: seat.process for seat in self.seats}.values():
            processes.end(process) if process.pid in busy else process.join()
        self.seats = []


def _work(connections: Sequence[Connection], store: Store, settings: Settings, log: Path) -> None:
    with processes.loading():
        from senet_lab.fleet.worker import work  # here, because it loads torch, which the parent process does not need

    work(connections, store, settings, log)
