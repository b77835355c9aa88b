"""When a run saves its state within an epoch, and how it is asked to end before its last.

    stop = StopSign(seconds=None)
    stop.on_signals()                      # SIGTERM, SIGUSR1, SIGUSR2: once in a process, in its main thread
    plan = SavePlan(stop)                  # one for each run

The sign is looked at after each step and each batch of an evaluation. A run that is asked to end writes its checkpoint
and raises Paused, whose exit status says: the same command goes on from here.
"""

import math
import signal
import time
from collections.abc import Callable, Iterable
from enum import IntEnum
from types import FrameType

from senet_lab.errors import StudyError

EXIT_GO_ON = 75  # EX_TEMPFAIL of sysexits.h
SAVE_MINUTES = 10.0
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
Clock = Callable[[], float]


class Paused(StudyError):
    """A run ended before its last step, with its state saved."""

    exit_status = EXIT_GO_ON


class StopSign:
    """Asks every run of a process to end. seconds: after how many it asks by itself; None for never."""

    def __init__(self, seconds: float | None = None, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._deadline = None if seconds is None else clock() + seconds
        self._reason = ""

    def ask(self, reason: str) -> None:
        """Asks from now on; the first reason is the one that is told."""
        self._reason = self._reason or reason

    @property
    def reason(self) -> str:
        """Why runs are asked to end; empty as long as they are not."""
        if not self._reason and self._deadline is not None and self._clock() >= self._deadline:
            self.ask("the time that it was given is over")
        return self._reason

    def seconds_left(self) -> float:
        """Until it asks by itself; infinity where it never does."""
        return math.inf if self._deadline is None else self._deadline - self._clock()

    def on_signals(self, signals: Iterable[signal.Signals] = SIGNALS) -> None:
        """Takes these signals as the wish to end, instead of ending the process at once."""

        def asked(number: int, frame: FrameType | None) -> None:
            self.ask(signal.Signals(number).name)

        for one in signals:
            signal.signal(one, asked)


class Wish(IntEnum):
    """What a run is to do at the end of a step; the larger the stronger."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


class SavePlan:
    """When one run saves and ends. minutes: between two checkpoints within an epoch; None for none within one."""

    def __init__(
        self, stop: StopSign | None = None, minutes: float | None = SAVE_MINUTES, clock: Clock = time.monotonic
    ) -> None:
        self.stop = stop or StopSign()
        self._seconds = None if minutes is None else 60 * minutes
        self._clock = clock
        self._saved = clock()

    def wish(self) -> Wish:
        """What is to be done now."""
        if self.stop.reason:
            return Wish.STOP
        due = self._seconds is not None and self._clock() - self._saved >= self._seconds
        return Wish.SAVE if due else Wish.GO_ON

    def saved(self) -> None:
        """A checkpoint was written."""
        self._saved = self._clock()
