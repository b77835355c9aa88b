"""What a command says while it works: rich on a terminal, plain lines elsewhere. Both go to stderr."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from senet_lab.fleet.worker import Fate, Outcome
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress as RunProgress


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Watch:
    """Follows a fleet. labels: what to call each run."""

    def __init__(self, runs: Sequence[Run], labels: dict[tuple[str, int], str]) -> None:
        self.labels = labels
        self.steps = {self._name(run): 0 for run in runs}
        self.total = sum(run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch for run in runs)
        self.begun = time.monotonic()
        self.before: dict[str, int] = {}  # steps that a run's checkpoint had done
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        self.bars = Progress(*columns, console=console) if console.is_terminal else None
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self.bars:
            self.bars.start()
            self.tasks["all"] = self.bars.add_task("all runs", total=self.total, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars:
            self.bars.stop()

    def started(self, run: Run) -> None:
        """A worker took a run."""
        name = self._name(run)
        if self.bars:
            total = run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch
            self.tasks[name] = self.bars.add_task(name, total=total, note="starts")
        else:
            self._say(f"{name}: starts")

    def progressed(self, run: Run, progress: RunProgress) -> None:
        """A run went on."""
        name = self._name(run)
        self.before.setdefault(name, progress.step - 1)
        self.steps[name] = progress.step
        note = f"epoch {progress.epoch}/{progress.epochs}"
        if progress.top1_error_pct is not None:
            note += f", test top-1 error {progress.top1_error_pct:.2f} %"
        if self.bars:
            self.bars.update(self.tasks[name], completed=progress.step, note=note)
            self.bars.update(self.tasks["all"], completed=sum(self.steps.values()), note=self._left())
        elif progress.top1_error_pct is not None:
            self._say(f"{name}: {note}; {self._left()}")

    def ended(self, run: Run, outcome: Outcome) -> None:
        """A run came to an end, or is in other hands."""
        name = self._name(run)
        if outcome.fate is Fate.RECORDED:
            self.steps[name] = run.cell.protocol.epochs * run.cell.protocol.steps_per_epoch
        note = outcome.fate.value
        if outcome.fate is not Fate.STOP:  # what stops every run is said at the end, once
            note += f", {outcome.text}"
        if self.bars:
            self.bars.update(self.tasks[name], note=note)
        else:
            self._say(f"{name}: {note}")

    def _left(self) -> str:
        done = sum(self.steps.values())
        trained = done - sum(self.before.values())
        return f"{clock((time.monotonic() - self.begun) / max(1, trained) * (self.total - done))} left"

    def _name(self, run: Run) -> str:
        return self.labels[run.cell.key, run.seed]

    def _say(self, text: str) -> None:
        print(f"[{clock(time.monotonic() - self.begun)}] {text}", file=sys.stderr, flush=True)
