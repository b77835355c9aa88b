"""Processes that end with their parent, however it ends, and that take the processes they started with them.

A daemonic process would end with its parent too, but it may have no children, and a data loader needs some. And a
parent that is killed ends nothing. So a child leads a process group of its own, which its own children join, and
waits in a thread for its parent's end; then it kills the group.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess


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


def _live(target: Callable[..., None], *arguments: object) -> None:
    os.setpgid(0, 0)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    target(*arguments)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os.killpg(0, signal.SIGKILL)
