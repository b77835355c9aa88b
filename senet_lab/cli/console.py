"""Shows progress on stderr while runs are trained: bars on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from senet_lab.fleet.outcome import Fate, Outcome
from senet_lab.study.cell import Run
from senet_lab.study.protocol import Protocol
from senet_lab.training.progress import Progress as RunProgress

SAY_SECONDS = 10.0  # least time between two plain lines about one run
PACE_SECONDS = 30.0  # the pace of a run is measured over this time


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Pace:
    """How many steps a second one run takes, over the last PACE_SECONDS."""

    def __init__(self) -> None:
        self.told: deque[tuple[float, int]] = deque()  # (time in seconds, steps done by then)

    def add(self, now: float, step: int) -> None:
        """Notes that the run has done ``step`` steps at time ``now`` (seconds)."""
        self.told.append((now, step))
        while now - self.told[0][0] > PACE_SECONDS and len(self.told) > 2:
            self.told.popleft()

    def steps_a_second(self) -> float:
        """0.0 until two times are known."""
        (begun, first), (now, last) = self.told[0], self.told[-1]
        return (last - first) / (now - begun) if now > begun else 0.0


class Watch:
    """Shows the progress of all runs. labels: the name of each run, by key and seed. now: a clock in seconds.

    A terminal shows bars. Elsewhere each run has a line for its start, one for its end, and progress lines in between,
    at most one every SAY_SECONDS.
    """

    def __init__(
        self, runs: Sequence[Run], labels: dict[tuple[str, int], str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.labels, self.now = labels, now
        self.steps = {self._name(run): 0 for run in runs}
        self.total = sum(run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch for run in runs)
        self.begun = now()
        self.trains_since: float | None = None  # when a first step was heard of; until then runs load and compile
        self.before: dict[str, int] = {}  # steps of a run that were done when it was first heard of
        self.paces: dict[str, _Pace] = {}
        self.said: dict[str, float] = {}  # when a run's progress was last said
        self.busy: set[str] = set()  # runs that another worker has; they are asked for again and again
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),  # a label may have brackets
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
        )
        bars = console.is_terminal and not console.is_dumb_terminal
        self.bars = Progress(*columns, console=console) if bars else None
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        with self._while_there_is_a_terminal():
            if self.bars:
                self.bars.start()
                self.tasks["all"] = self.bars.add_task("all runs", total=self.total, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._while_there_is_a_terminal():
            if self.bars:
                self.bars.stop()

    @contextlib.contextmanager
    def _while_there_is_a_terminal(self) -> Iterator[None]:
        """Leaves out what cannot be shown: the pipe is closed, the terminal gone or the disk full. Training goes on,
        from then on without bars."""
        try:
            yield
        except OSError:
            self.bars = None

    def started(self, run: Run) -> None:
        """A worker has begun a run."""
        name = self._name(run)
        self.paces[name], self.said[name] = _Pace(), self.now()
        if name in self.busy:
            return
        if self.bars:
            total = run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch
            with self._while_there_is_a_terminal():
                self.tasks[name] = self.bars.add_task(name, total=total, note="starts")
        else:
            self._say(f"{name}: starts")

    def progressed(self, run: Run, progress: RunProgress) -> None:
        """A run has told its progress."""
        name = self._name(run)
        self.busy.discard(name)
        if progress.note:
            self._say(f"{name}: {progress.note}")
            return
        self.before.setdefault(name, progress.step)
        self.trains_since = self.now() if self.trains_since is None else self.trains_since
        self.steps[name] = progress.step
        note = self._note(name, run.cell.protocol, progress)
        if self.bars and name in self.tasks:
            self.bars.update(self.tasks[name], completed=progress.step, note=note)
            self.bars.update(self.tasks["all"], completed=sum(self.steps.values()), note=self._left())
        elif self.now() - self.said[name] >= SAY_SECONDS:
            self.said[name] = self.now()
            self._say("; ".join(filter(None, (f"{name}: {note}", self._left()))))

    def _note(self, name: str, protocol: Protocol, progress: RunProgress) -> str:
        """After an epoch: the error. Within an epoch: its percentage, images a second, and the time to its end."""
        if progress.after_epoch:
            self.paces[name] = _Pace()  # starts anew, since evaluation takes time without training steps
            error = f"training loss {progress.train_loss}"
            if progress.top1_error_pct is not None:
                error = f"{protocol.evaluation_split} top-1 error {progress.top1_error_pct:.2f} %"
            return f"{progress.epoch} of {progress.epochs} epochs, {error}"
        whole, done = protocol.steps_per_epoch, progress.step - progress.epoch * protocol.steps_per_epoch
        note = f"epoch {progress.epoch + 1} of {progress.epochs}, {100 * done // whole} %"
        self.paces[name].add(self.now(), progress.step)
        rate = self.paces[name].steps_a_second()
        if rate:
            note += f", {rate * protocol.batch_size:,.0f} images/s, {clock((whole - done) / rate)} to its end"
        return note

    def ended(self, run: Run, outcome: Outcome) -> None:
        """A run has ended, or another worker has it."""
        name = self._name(run)
        if outcome.fate is Fate.RECORDED:
            self.steps[name] = run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch
            self.before.setdefault(name, self.steps[name])  # no step was reported here: it was trained elsewhere
        if outcome.fate is Fate.BUSY and name in self.busy:
            return
        self.busy = self.busy | {name} if outcome.fate is Fate.BUSY else self.busy - {name}
        note = outcome.fate.value
        if outcome.fate is Fate.PAUSED:
            note = outcome.text
        elif outcome.fate not in (Fate.NO_ROOM, Fate.NO_DATA):  # their reasons are printed at the end
            note += f", {outcome.text}"
        if self.bars:
            self.bars.update(self.tasks[name], note=note)
        else:
            self._say(f"{name}: {note}")

    def _left(self) -> str:
        """The time until all runs have ended, at the mean pace of the steps so far. Empty before the first step."""
        done = sum(self.steps.values())
        trained = done - sum(self.before.values())
        if self.trains_since is None or not trained:
            return ""
        return f"{clock((self.now() - self.trains_since) / trained * (self.total - done))} left"

    def _name(self, run: Run) -> str:
        return self.labels[run.cell.key, run.seed]

    def _say(self, text: str) -> None:
        with self._while_there_is_a_terminal():
            print(f"[{clock(self.now() - self.begun)}] {text}", file=sys.stderr, flush=True)
