"""Turns on a device that threads of one process share.

Most of a run's work may happen while other threads work. Some may not. A CUDA graph is captured wrongly, or not at all,
while another thread allocates, frees or waits for the whole device. The compiler changes global state, and measures its
kernels, which other threads' kernels would slow down. So threads do the first kind of work in shared turns, which are
short, and the second kind in a turn alone.
"""

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Shared turns, and turns alone. A thread that waits to be alone goes before later ones that ask for a shared turn.

    A thread that has a turn must not take a second one: it would wait for itself.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = self._waiting = 0
        self._alone = False

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """A turn that other threads may share."""
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
        """A turn during which no other thread has one."""
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


TURNS = Turns()  # on the one device that a process trains on
