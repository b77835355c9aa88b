"""Turns on a device that threads of one process share.

Most of what a run does may happen beside its neighbours. Some things may not: a CUDA graph is captured wrongly, or not
at all, while another thread allocates, frees or waits for the whole device; the compiler changes global state and
measures its kernels, which neighbours' kernels would slow down. So the first kind is done in shared turns, which are
short, and the second in turns of one thread alone.
"""

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Shared turns, and turns alone. A thread that waits to be alone goes before those that come after it.

    A thread in a turn takes no second one: it would wait for itself.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = self._waiting = 0
        self._alone = False

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Beside others of this kind."""
        with self._changed:
            while self._alone or self._waiting:
                self._changed.wait()
            self._sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While no other thread is in a turn."""
        with self._changed:
            self._waiting += 1
            while self._alone or self._sharing:
                self._changed.wait()
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


TURNS = Turns()  # of the one device that a process trains on
