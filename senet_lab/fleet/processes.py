"""Processes that end with their parent, however it ends, and that take the processes they started with them.

A daemonic process would end with its parent too, but it may have no children, and a data loader needs some. And a
parent that is killed ends nothing. So a child leads a process group of its own, which its own children join, and
waits in a thread for its parent's end; then it kills the group.
"""

import contextlib
import multiprocessing
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

LOOK_SECONDS = 0.5  # between two looks for a parent that nothing tells of


def start(target: Callable[..., None], arguments: Sequence[object]) -> BaseProcess:
    """Calls a function in a new process."""
    process = multiprocessing.get_context("spawn").Process(target=_live, args=(target, *arguments))
    process.start()
    return process


def end(process: BaseProcess) -> None:
    """Kills a process with all that it started, and waits for its end; one that has ended leaves nothing behind."""
    assert process.pid is not None
    # The group goes first: a process that is not yet waited for keeps its number, so that no other group has it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def end_with_parent(parent: int | None = None) -> None:
    """From now on this process, with its group where it leads one, is killed when its parent is gone.

    For processes that others than ``start`` started. parent: its number where it is known; one that is gone by now ends
    this process at once.
    """
    here = os.getppid()
    if parent not in (None, here):
        raise SystemExit(1)
    threading.Thread(target=_watch, args=(here,), daemon=True).start()


def _watch(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # where the system has such a thing
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
