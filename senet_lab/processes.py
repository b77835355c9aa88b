"""Processes that end with their parent, however it ends, and that end their own children with them.

A daemonic process would also end with its parent, but not if the parent is killed, and it may not have children, which
a data loader needs. So here a child leads a process group of its own, which its own children join. A thread of the
child waits for the parent's end, and then kills the group.
"""

import contextlib
import gc
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

LOOK_SECONDS = 0.5  # between two checks of the parent, on a system that does not report its end


def start(target: Callable[..., None], arguments: Sequence[object]) -> BaseProcess:
    """Calls a function in a new process, which ends with this one."""
    process = multiprocessing.get_context("spawn").Process(target=_live, args=(target, *arguments))
    process.start()
    return process


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Pauses Python's garbage collector while packages are loaded. Later collections do not search these packages.

    Its searches take a quarter of the time in which torch is loaded.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def end(process: BaseProcess) -> None:
    """Kills a process and all processes that it started, and waits for its end. It may have ended already."""
    assert process.pid is not None
    # First the group: until the process is waited for, its number cannot belong to another group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def end_with_parent(parent: int | None = None) -> None:
    """From now on this process, and its group if it leads one, is killed when its parent ends.

    For processes that ``start`` did not start. parent: the parent's number if it is known. If the parent has ended by
    now, this process ends at once.
    """
    here = os.getppid()
    if parent not in (None, here):
        raise SystemExit(1)
    threading.Thread(target=_watch, args=(here,), daemon=True).start()


def _watch(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not every system has pidfd_open
        descriptor = os.pidfd_open(parent)
        select.select([descriptor], [], [])
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _live(target: Callable[..., None], *arguments: object) -> None:
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    target(*arguments)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os.killpg(0, signal.SIGKILL)
