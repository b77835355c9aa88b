"""When a run saves its state within an epoch, and how it is asked to end before its last.

    stop = StopSign(seconds=None)
    stop.on_signals()                      # SIGNALS: once in a process, in its main thread
    plan = SavePlan(stop)                  # one for each run

A run looks at the sign after each step and each batch of an evaluation. If it is asked to end, it writes its checkpoint
and raises Paused. That error's exit status says that the same command goes on from the checkpoint.
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
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
Clock = Callable[[], float]


class Paused(StudyError):
    """A run ended before its last step, with its state saved. by_signal: whether a signal asked for it."""

    by_signal = True

    exit_status = EXIT_GO_ON


class TakenOver(StudyError):
    """Another worker has taken a run over while this one stood still. This one must not write any more."""

    exit_status = EXIT_GO_ON  # other runs may be left


class StopSign:
    """Asks every run of a process to end. seconds: the time after which it asks by itself; None for never."""

    def __init__(self, seconds: float | None = None, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._deadline = None if seconds is None else clock() + seconds
        self._reason = ""
        self.over = False  # whether the time asked for the end

    def ask(self, reason: str) -> None:
        """Asks all runs to end. Only the first reason is kept."""
        self._reason = self._reason or reason

    @property
    def reason(self) -> str:
        """Why runs are asked to end; empty if they are not asked."""
        if not self._reason and self._deadline is not None and self._clock() >= self._deadline:
            self.ask("the time that it was given is over")
            self.over = True
        return self._reason

    def seconds_left(self) -> float:
        """Seconds until it asks by itself; infinity if it never does."""
        return math.inf if self._deadline is None else self._deadline - self._clock()

    def on_signals(self, signals: Iterable[signal.Signals] = SIGNALS) -> None:
        """Makes these signals ask runs to end, instead of ending the process at once."""

        def asked(number: int, frame: FrameType | None) -> None:
            self.ask(signal.Signals(number).name)

        for one in meant(signals):
            signal.signal(one, asked)


def meant(signals: Iterable[signal.Signals]) -> list[signal.Signals]:
    """These signals without those that this process ignores, as nohup makes it ignore the end of its terminal."""
    return [one for one in signals if signal.getsignal(one) is not signal.SIG_IGN]


class Wish(IntEnum):
    """What a run is to do at the end of a step. A larger value is the stronger wish."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


class SavePlan:
    """Decides when one run saves and ends. minutes: between two checkpoints within an epoch; None for no such ones."""

    def __init__(
        self, stop: StopSign | None = None, minutes: float | None = SAVE_MINUTES, clock: Clock = time.monotonic
    ) -> None:
        self.stop = stop or StopSign()
        self._seconds = None if minutes is None else 60 * minutes
        self._clock = clock
        self._saved = clock()

    def wish(self) -> Wish:
        """What the run is to do now."""
        if self.stop.reason:
            return Wish.STOP
        due = self._seconds is not None and self._clock() - self._saved >= self._seconds
        return Wish.SAVE if due else Wish.GO_ON

    def saved(self) -> None:
        """Notes that a checkpoint was written now."""
        self._saved = self._clock()
