"""Worker processes of a fleet with their seats: on a CPU one seat a process, on a GPU many."""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from senet_lab.fleet import processes
from senet_lab.fleet.outcome import Outcome
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings, prepare_child

LOOK_SECONDS = 1.0  # between two looks at workers that say nothing


@dataclass(eq=False)
class Seat:
    """A place for one run in a worker process."""

    process: BaseProcess
    connection: Connection
    run: Run | None = None

    def give(self, run: Run) -> bool:
        """Starts a run here; False where the process has ended while it had nothing to do."""
        try:
            self.connection.send(run)
        except OSError:
            return False
        self.run = run
        return True

    def news(self) -> Progress | Outcome | None:
        """What the run has to tell; None where its process has ended without a word."""
        try:
            told: Progress | Outcome | None = self.connection.recv() if self.connection.poll() else None
        except (EOFError, ConnectionResetError):
            return None
        return told


class Crew:
    """The seats of all worker processes. logs: the folder for what the processes print."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.seats: list[Seat] = []

    def busy(self) -> list[Seat]:
        """Seats with a run."""
        return [seat for seat in self.seats if seat.run]

    def idle(self) -> list[Seat]:
        """Seats without one."""
        return [seat for seat in self.seats if not seat.run]

    def hire(self, seats: int) -> None:
        """One more process, which trains so many runs side by side."""
        prepare_child(self.settings)
        pipes = [multiprocessing.Pipe() for _ in range(seats)]
        theirs = [theirs for _, theirs in pipes]
        process = processes.start(_work, (theirs, self.store, self.settings, self._free_log()))
        for connection in theirs:
            connection.close()
        self.seats += [Seat(process, ours) for ours, _ in pipes]

    def _free_log(self) -> Path:
        number = len({seat.process.pid for seat in self.seats})
        return self.store.root / "cache" / "logs" / f"worker-{number}.log"

    def with_news(self) -> list[Seat]:
        """Seats whose run has something to tell, or whose process has ended; waits a moment for the first."""
        busy = {seat.connection: seat for seat in self.busy()}
        if not busy:
            time.sleep(0.2)
            return []
        telling = [busy[one] for one in wait(list(busy), LOOK_SECONDS) if isinstance(one, Connection)]
        # A loader's process holds the other end of the pipe too, so that the end of a worker alone does not close it.
        return telling or [seat for seat in busy.values() if not seat.process.is_alive()]

    def ask_to_end(self) -> None:
        """Every run saves at the end of its step and ends."""
        for process in {seat.process.pid: seat.process for seat in self.busy()}.values():
            process.terminate()

    def close(self, seat: Seat) -> None:
        """Takes a seat away; its process ends by itself when it has none."""
        seat.connection.close()
        self.seats.remove(seat)

    def dismiss(self) -> None:
        """All processes end: those that have nothing to do by themselves, the others at once."""
        busy = {seat.process.pid for seat in self.busy()}
        for seat in self.seats:
            seat.connection.close()
        for process in {seat.process.pid: seat.process for seat in self.seats}.values():
            processes.end(process) if process.pid in busy else process.join()
        self.seats = []


def _work(connections: Sequence[Connection], store: Store, settings: Settings, log: Path) -> None:
    from senet_lab.fleet.worker import work  # torch, which the parent does not need

    work(connections, store, settings, log)
