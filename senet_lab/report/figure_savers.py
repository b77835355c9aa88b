"""Saves figures side by side, in processes of their own. Writing the files takes most of the time of a figure."""

import contextlib
import gc
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from functools import partial
from multiprocessing import get_context

from senet_lab.errors import StudyError
from senet_lab.machine import cores
from senet_lab.processes import end_with_parent

FEW = 4  # up to so many figures are saved faster in this process, since new processes take two seconds to start


class Savers:
    """The calls that save the figures of one block of ``saved_side_by_side``, and the processes that do it."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []
        self._tasks: list[Future[None]] = []
        self._pool: ProcessPoolExecutor | None = None

    def call(self, save: Callable[[], None]) -> None:
        """Takes a function that saves a figure. On one processor it is called at once.

        Else it is called in another process, or later by ``wait`` if there are at most FEW functions.
        """
        if cores() == 1:
            save()
            return
        self._calls.append(save)
        if len(self._calls) > FEW:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(cores(), get_context("spawn"), initializer=_begin)
            self._tasks += [self._pool.submit(call) for call in self._calls[len(self._tasks) :]]

    def wait(self) -> None:
        """Waits until all figures are saved. Raises the first error."""
        for call in self._calls[len(self._tasks) :]:
            call()
        for task in self._tasks:
            task.result()

    def end(self) -> None:
        """Ends the processes. Figures that none of them has begun are not saved."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


_savers: ContextVar[Savers | None] = ContextVar("_savers", default=None)


@contextlib.contextmanager
def saved_side_by_side() -> Iterator[None]:
    """Saves figures on all processors until the block ends. At its end every file is written.

    Raises the errors of saving at the block's end, and StudyError where a process was killed.
    """
    savers = Savers()
    token = _savers.set(savers)
    try:
        yield
        savers.wait()
    except BrokenProcessPool:
        raise StudyError(
            "a process that saves figures was killed, perhaps for lack of memory; the same command draws all again"
        ) from None
    finally:
        _savers.reset(token)
        savers.end()


def save_soon(save: Callable[..., None], *arguments: object) -> None:
    """Calls a function that saves a figure: now, or beside others. Function and arguments must be picklable."""
    savers = _savers.get()
    savers.call(partial(save, *arguments)) if savers else save(*arguments)


def _begin() -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, and the parent decides
    gc.set_threshold(100_000)  # with the usual one, the collector takes a sixth of the time
