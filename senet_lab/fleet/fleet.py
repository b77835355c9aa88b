"""Many runs on one machine, side by side: on a CPU a process each, on a GPU a thread and a CUDA stream in one process.

A run's numbers do not depend on its neighbours: each has its own random streams and a fixed number of threads. A run
that breaks does not stop the others; one for which there is no memory beside them waits for room.
"""

import contextlib
import signal
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from multiprocessing.process import BaseProcess
from typing import Protocol as Interface

from senet_lab.errors import StudyError
from senet_lab.fleet import processes
from senet_lab.fleet.crew import Crew, Seat
from senet_lab.fleet.outcome import Fate, Outcome
from senet_lab.records.status import forget_broken, note_broken
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import Paused, StopSign

RETRY_SECONDS = 5.0  # before a run that another worker holds is asked for again
MOST_LOSSES = 2  # processes that a run may lose before it counts as broken
MOST_ON_A_GPU = 31  # one less than PyTorch has streams
START_SECONDS = 60.0  # from giving a run to a worker to its first steps, as long as none has been seen


class Watcher(Interface):
    """Who is told what the fleet does."""

    def started(self, run: Run) -> None:
        """A worker took a run."""

    def progressed(self, run: Run, progress: Progress) -> None:
        """A run went on."""

    def ended(self, run: Run, outcome: Outcome) -> None:
        """A run came to an end, or is in other hands."""


def train_all(
    runs: Sequence[Run],
    store: Store,
    settings: Settings,
    workers: int,
    watcher: Watcher,
    stop: StopSign | None = None,
    sharing: bool = False,
) -> list[str]:
    """Trains every run to its record; returns a line for each run that broke or was refused.

    sharing: leaves when all that is missing is held by other workers, instead of waiting for what becomes of it.

    Raises StudyError where all of them were refused for one reason, or where nothing can be written any more, and
    Paused where the sign asked them to end. Workers end with this process, however it ends, and a run that was cut off
    goes on from its last checkpoint when it is asked for again.
    """
    fleet = Fleet(Crew(store, settings), workers, watcher, stop or StopSign(), sharing)
    fleet.train(runs)
    failed = fleet.failed
    if fleet.no_room:
        raise StudyError(fleet.no_room)
    if fleet.unfinished:
        why = fleet.stop.reason or "the time that is left is too short to start another"
        text = f"paused with {fleet.unfinished} of {len(runs)} runs to go ({why})"
        raise Paused(f"{text}; the same command goes on from there")
    mendable = all(outcome.fate in (Fate.REFUSED, Fate.NO_DATA) for _, outcome in failed)
    if failed and mendable and len(failed) == len(runs) and len({outcome.text for _, outcome in failed}) == 1:
        raise StudyError(failed[0][1].text)
    return [f"{run.cell.key} seed {run.seed}: {outcome.text}" for run, outcome in failed]


class Fleet:
    """Runs that wait for a seat in a worker process, and what becomes of them."""

    def __init__(self, crew: Crew, workers: int, watcher: Watcher, stop: StopSign, sharing: bool = False) -> None:
        self.crew, self.watcher, self.stop, self.sharing = crew, watcher, stop, sharing
        self.on_gpu = crew.settings.on_gpu
        self.workers = min(workers, MOST_ON_A_GPU) if self.on_gpu else workers
        self.failed: list[tuple[Run, Outcome]] = []
        self.no_room = ""  # why nothing can be written
        self.unfinished = 0
        self._waiting: deque[tuple[float, Run]] = deque()  # with the time from when on
        self._suspects: deque[Run] = deque()  # each was in a process that was lost
        self._losses: Counter[Run] = Counter()
        self._held: set[Run] = set()  # by workers of other commands, when they were last asked for
        self._begun: dict[Run, float] = {}
        self._start_seconds = 0.0  # the longest that was seen
        self._asked_to_end = False

    def train(self, runs: Sequence[Run]) -> None:
        """Until each run is recorded or has failed, the sign asks to end, or nothing can be written."""
        self._waiting.extend((0.0, run) for run in (by_cell(runs) if self.on_gpu else runs))
        try:
            while self._waiting or self._suspects or self.crew.busy():
                ending = bool(self.stop.reason or self.no_room)
                if not ending and self._can_start_another():
                    self._hand_out()
                if not self.crew.busy() and (ending or not self._can_start_another() or self._others_have_the_rest()):
                    break
                if ending and not self._asked_to_end:
                    self._asked_to_end = True
                    self.crew.ask_to_end()
                for seat in self.crew.with_news():
                    self._take_news(seat)
            self.unfinished = 0 if self._others_have_the_rest() else len(self._waiting) + len(self._suspects)
        finally:
            self.crew.dismiss()

    def _can_start_another(self) -> bool:
        """Whether the time that is left takes a run to its first steps: from there on it can save whenever it must."""
        return self.stop.seconds_left() > (self._start_seconds or START_SECONDS)

    def _others_have_the_rest(self) -> bool:
        return self.sharing and not self._suspects and all(run in self._held for _, run in self._waiting)

    def _hand_out(self) -> None:
        for _ in range(len(self._waiting)):
            due, run = self._waiting.popleft()
            if due > time.monotonic() or not self._start(run):
                self._waiting.append((due, run))
        if self._suspects and not self._waiting and not self.crew.busy():
            # Alone: should it take its process with it once more, nobody else is in there.
            self.crew.dismiss()
            self.crew.hire(1)
            self._start(self._suspects.popleft())

    def _start(self, run: Run) -> bool:
        """Gives a run to a seat; False where there is none."""
        idle = self.crew.idle()
        if not idle:
            room = self.workers - len(self.crew.seats)
            if room < 1:
                return False
            self.crew.hire(room if self.on_gpu else 1)
            idle = self.crew.idle()
        if not idle[-1].give(run):
            self.crew.close(idle[-1])
            return False
        self._begun[run] = time.monotonic()
        forget_broken(run, self.crew.store)
        self.watcher.started(run)
        return True

    def _take_news(self, seat: Seat) -> None:
        run = seat.run
        if run is None:  # it was lost a moment ago, with the process of another seat
            return
        news = seat.news()
        if isinstance(news, Progress):
            if run in self._begun:
                self._start_seconds = max(self._start_seconds, time.monotonic() - self._begun.pop(run))
            self.watcher.progressed(run, news)
        elif news is None or news.fate is Fate.LOST:
            self._lose(seat.process, news)
        else:
            self._end(seat, run, news)

    def _lose(self, process: BaseProcess, told: Outcome | None) -> None:
        """A process is gone, or good for nothing any more, and with it all runs in it."""
        processes.end(process)
        outcome = told or Outcome(Fate.LOST, f"its process ended with status {process.exitcode}")
        if told is None and process.exitcode == -signal.SIGKILL and not self.on_gpu and len(self.crew.busy()) > 1:
            outcome = Outcome(Fate.OUT_OF_MEMORY, "its process was killed, as the system does when memory is short")
        for seat in [seat for seat in self.crew.seats if seat.process is process]:
            if seat.run:
                self._end(seat, seat.run, outcome)
            if seat in self.crew.seats:
                self.crew.close(seat)

    def _end(self, seat: Seat, run: Run, outcome: Outcome) -> None:
        """A run left its seat: decides where it goes."""
        seat.run = None
        self._held.discard(run)
        self.watcher.ended(run, outcome)
        fate = outcome.fate
        if fate is Fate.OUT_OF_MEMORY and self.crew.busy():
            self.workers = max(1, self.workers - 1)
            self.crew.close(seat)
            self._waiting.append((0.0, run))
        elif fate is Fate.LOST and self._losses[run] < MOST_LOSSES - 1:
            self._losses[run] += 1
            self._suspects.append(run)
        elif fate in (Fate.BUSY, Fate.PAUSED):
            self._held |= {run} if fate is Fate.BUSY else set()
            self._waiting.append((time.monotonic() + RETRY_SECONDS, run))
        elif fate is Fate.NO_ROOM:
            self.no_room = outcome.text
        elif fate is not Fate.RECORDED:
            self.failed.append((run, outcome))
            with contextlib.suppress(OSError):  # it is said at the end of the command as well
                note_broken(run, self.crew.store, outcome.text)
            if fate is Fate.NO_DATA:
                self._give_up_those_like(run, outcome)

    def _give_up_those_like(self, run: Run, outcome: Outcome) -> None:
        """Runs that wait for the same data would fail alike."""
        alike = [other for _, other in self._waiting if other.cell.protocol == run.cell.protocol]
        self._waiting = deque((due, other) for due, other in self._waiting if other not in alike)
        self.failed += [(other, outcome) for other in alike]


def by_cell(runs: Iterable[Run]) -> list[Run]:
    """Runs of one cell in a row, cells in the order in which they come: a cell is compiled once for all its runs."""
    runs = list(runs)
    first: dict[str, int] = {}
    for number, run in enumerate(runs):
        first.setdefault(run.cell.key, number)
    return sorted(runs, key=lambda run: first[run.cell.key])
