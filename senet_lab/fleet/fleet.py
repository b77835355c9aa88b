"""Many runs on one machine, side by side. On a CPU each has a process; on a GPU each has a thread and a CUDA stream of
one process.

A run's numbers do not depend on the runs beside it: it has its own random streams and a fixed number of threads. A run
that fails does not stop the others. A run that finds too little memory waits until others have ended.
"""

import contextlib
import signal
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from multiprocessing.process import BaseProcess

from senet_lab import processes
from senet_lab.errors import StudyError
from senet_lab.fleet.crew import Crew, Seat
from senet_lab.fleet.outcome import Fate, Outcome
from senet_lab.fleet.watcher import Watcher
from senet_lab.records import lease
from senet_lab.records.status import forget_broken, note_broken
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import Paused, StopSign

RETRY_SECONDS = 5.0  # until a run that another worker holds is tried again
SAVE_SECONDS = 60.0  # in which runs save after an error of the process that gives them out
SURE_SECONDS = lease.DEAD_SECONDS + lease.BEAT_SECONDS  # a worker that had died has lost its run by then
MOST_LOSSES = 2  # how often a run's process may be lost before the run counts as failed
MOST_ON_A_GPU = 31  # one less than PyTorch has streams
# From the start of a run to its first steps, assumed until it has been measured. Where a fleet is given less than twice
# this time, half of that is assumed, so that its first run is started.
START_SECONDS = 60.0


def train_all(
    runs: Sequence[Run],
    store: Store,
    settings: Settings,
    workers: int,
    watcher: Watcher,
    stop: StopSign | None = None,
    sharing: bool = False,
) -> list[str]:
    """Trains every run to its record. Returns a line for each run that failed or was refused.

    sharing: whether to return when other workers, which are alive, hold all runs that are left, instead of waiting for
    them.

    Raises StudyError where all runs were refused for the same reason, or where nothing can be written any more. Raises
    Paused where the stop sign asked the runs to end. The workers end with this process, however it ends. An interrupted
    run goes on from its last checkpoint when it is asked for again.
    """
    crew = Crew(store, settings.side_by_side(min(workers, len(runs) or 1)))
    fleet = Fleet(crew, workers, watcher, stop or StopSign(), sharing)
    fleet.train(runs)
    failed = fleet.failed
    if fleet.no_room:
        raise StudyError(fleet.no_room)
    if fleet.unfinished:
        why = fleet.stop.reason or "the time that is left is too short to start another"
        text = f"paused with {fleet.unfinished} of {len(runs)} runs to go ({why})"
        paused = Paused(f"{text}; the same command goes on from there")
        paused.by_signal = bool(fleet.stop.reason) and not fleet.stop.over
        raise paused
    mendable = all(outcome.fate in (Fate.REFUSED, Fate.NO_DATA) for _, outcome in failed)
    if failed and mendable and len(failed) == len(runs) and len({outcome.text for _, outcome in failed}) == 1:
        raise StudyError(failed[0][1].text)
    return [f"{run.cell.key} seed {run.seed}: {outcome.text}" for run, outcome in failed]


class Fleet:
    """Gives runs to the seats of worker processes, and decides by each outcome where its run goes next."""

    def __init__(self, crew: Crew, workers: int, watcher: Watcher, stop: StopSign, sharing: bool = False) -> None:
        self.crew, self.watcher, self.stop, self.sharing = crew, watcher, stop, sharing
        self.on_gpu = crew.settings.on_gpu
        self.workers = min(workers, MOST_ON_A_GPU) if self.on_gpu else workers
        self.failed: list[tuple[Run, Outcome]] = []
        self.no_room = ""  # why nothing can be written; empty as long as that is possible
        self.unfinished = 0
        self._waiting: deque[tuple[float, Run]] = deque()  # each with the time before which it is not tried
        self._suspects: deque[Run] = deque()  # runs whose process was lost; they go on alone in a process
        self._losses: Counter[Run] = Counter()
        self._held: dict[Run, float] = {}  # runs that other workers held when last tried, since when
        self._accompanied: set[Run] = set()  # runs at work that have had another beside them
        self._begun: dict[Run, float] = {}
        self._assumed_start = min(START_SECONDS, stop.seconds_left() / 2)
        self._start_seconds = 0.0  # the longest time from a start to the first steps so far
        self._asked_to_end = False
        self._leaving: list[BaseProcess] = []  # processes that were asked to end, by the fleet or by somebody else

    def train(self, runs: Sequence[Run]) -> None:
        """Trains until every run is recorded or has failed, the stop sign asks to end, or nothing can be written."""
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
        except Exception:
            self._let_them_save()
            raise
        finally:
            self.crew.dismiss()

    def _let_them_save(self) -> None:
        """After an error of this process: asks all runs to save, and waits until they have, SAVE_SECONDS at most."""
        self.crew.ask_to_end()
        until = time.monotonic() + SAVE_SECONDS
        while self.crew.busy() and time.monotonic() < until:
            for seat in self.crew.with_news():
                if not isinstance(seat.news(), Progress):
                    seat.run = None

    def _can_start_another(self) -> bool:
        """Whether the time left is enough for a run's first steps. From there on it can save at any step."""
        return self.stop.seconds_left() > (self._start_seconds or self._assumed_start)

    def _others_have_the_rest(self) -> bool:
        """Whether other workers hold all runs that are left, and have held them long enough to be alive."""
        until = time.monotonic() - SURE_SECONDS
        held = all(run in self._held and self._held[run] <= until for _, run in self._waiting)
        return self.sharing and not self._suspects and held

    def _hand_out(self) -> None:
        for _ in range(len(self._waiting)):
            due, run = self._waiting.popleft()
            if due > time.monotonic() or not self._start(run):
                self._waiting.append((due, run))
        others_hold_the_rest = all(run in self._held for _, run in self._waiting)
        if self._suspects and others_hold_the_rest and not self.crew.busy():
            # Alone in a new process: if it breaks this process too, no other run is lost.
            self.crew.dismiss()
            self.crew.hire(1)
            if not self._start(suspect := self._suspects.popleft()):
                self._suspects.appendleft(suspect)

    def _start(self, run: Run) -> bool:
        """Gives a run to a seat. Returns False if none is free."""
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
        at_work = {other.run for other in self.crew.busy() if other.run}
        self._accompanied = self._accompanied - {run} | (at_work if len(at_work) > 1 else set())
        forget_broken(run, self.crew.store)
        self.watcher.started(run)
        return True

    def _take_news(self, seat: Seat) -> None:
        run = seat.run
        if run is None:  # lost a moment ago with another seat of its process
            return
        news = seat.news()
        if isinstance(news, Progress):
            if run in self._begun and not news.note:  # a note comes before the first step
                self._start_seconds = max(self._start_seconds, time.monotonic() - self._begun.pop(run))
            self.watcher.progressed(run, news)
        elif news is None or news.fate is Fate.LOST:
            self._lose(seat.process, news)
        else:
            self._end(seat, run, news)

    def _lose(self, process: BaseProcess, told: Outcome | None) -> None:
        """Ends a process that is gone or cannot go on, and decides about all runs in it."""
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
        """Takes a run from its seat, and decides by the outcome where it goes next."""
        seat.run = None
        held_since = self._held.pop(run, time.monotonic())
        self.watcher.ended(run, outcome)
        fate = outcome.fate
        if fate is Fate.OUT_OF_MEMORY and run in self._accompanied:
            self.workers = max(1, self.workers - 1)
            self.crew.close(seat)
            self._waiting.append((0.0, run))
        elif fate is Fate.LOST and self._losses[run] < MOST_LOSSES - 1:
            self._losses[run] += 1
            self._suspects.append(run)
        elif fate in (Fate.BUSY, Fate.PAUSED):
            if fate is Fate.BUSY:
                self._held[run] = held_since
            self._waiting.append((time.monotonic() + RETRY_SECONDS, run))
            if fate is Fate.PAUSED:
                self._leaving.append(seat.process)
        elif fate is Fate.NO_ROOM:
            self.no_room = outcome.text
        elif fate is not Fate.RECORDED:
            self.failed.append((run, outcome))
            with contextlib.suppress(OSError):  # the command also prints it at its end
                note_broken(run, self.crew.store, outcome.text)
            if fate is Fate.NO_DATA:
                self._give_up_those_like(run, outcome)
        # A process that was asked to end would pause every further run after one step.
        for idle in [one for one in self.crew.idle() if one.process in self._leaving]:
            self.crew.close(idle)

    def _give_up_those_like(self, run: Run, outcome: Outcome) -> None:
        """Gives up waiting runs of the same protocol, whose data could not be opened either."""
        alike = [other for _, other in self._waiting if other.cell.protocol == run.cell.protocol]
        self._waiting = deque((due, other) for due, other in self._waiting if other not in alike)
        self.failed += [(other, outcome) for other in alike]


def by_cell(runs: Iterable[Run]) -> list[Run]:
    """The runs, those of a cell together, so that a cell is compiled once. Cells keep the order of their first runs."""
    runs = list(runs)
    first: dict[str, int] = {}
    for number, run in enumerate(runs):
        first.setdefault(run.cell.key, number)
    return sorted(runs, key=lambda run: first[run.cell.key])
