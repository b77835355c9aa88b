"""Signals to a command that trains. The first one asks the runs to save and end, so that nothing is lost."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from senet_lab.training.stopping import SIGNALS, StopSign, meant


@contextlib.contextmanager
def asking_to_end(stop: StopSign) -> Iterator[None]:
    """While it is open, SIGINT (Ctrl-C), SIGTERM, SIGUSR1, SIGUSR2 and SIGHUP (its terminal was closed) set the stop
    sign; a second Ctrl-C ends at once.

    Only the main thread gets signals; in another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def asked(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and stop.reason:
            raise KeyboardInterrupt
        stop.ask(signal.Signals(number).name)

    before = {one: signal.signal(one, asked) for one in (signal.SIGINT, *meant(SIGNALS))}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
