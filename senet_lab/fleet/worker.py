"""A worker process of the fleet: takes runs from its parent one at a time, and tells it what becomes of them."""

import contextlib
import ctypes
import errno
import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import Paused, SavePlan, StopSign

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h
REPORT_SECONDS = 0.5  # between two reports within an epoch


class Fate(StrEnum):
    """What became of a run."""

    RECORDED = "recorded"  # finished or diverged: either way there is a record now
    BUSY = "busy"  # another process trains it
    ERROR = "error"  # this run broke; others may not
    CROWDED = "crowded"  # the device's memory does not hold it beside its neighbours
    PAUSED = "paused"  # asked to end before its last step; it goes on when it is asked for again
    STOP = "stop"  # no run can succeed until its user mends something


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one run in a worker. text: for RECORDED the record's one line, else what went wrong."""

    fate: Fate
    text: str


def work(connections: Sequence[Connection], store: Store, settings: Settings, log: Path) -> None:
    """The life of a worker: until the parent hangs up. Its own output goes to ``log``.

    On a CPU it has one connection. On a GPU it has one for each run that trains side by side, a thread and a stream
    each: two processes would take turns on the device, two streams share it.
    """
    _redirect(log)
    keep_memory()
    from senet_lab.training import numerics, provenance

    numerics.set_switches(settings.threads)
    provenance.revision()  # asked now, since a commit made while this process trains is not what it runs
    sources, stop = _Sources(settings), StopSign()
    stop.on_signals()
    threads = [
        threading.Thread(target=_serve, args=(connection, store, settings, sources, stop), daemon=True)
        for connection in connections[1:]
    ]
    for thread in threads:
        thread.start()
    _serve(connections[0], store, settings, sources, stop)
    for thread in threads:
        thread.join()


def _serve(connection: Connection, store: Store, settings: Settings, sources: "_Sources", stop: StopSign) -> None:
    with _own_stream(settings.device):
        while True:
            try:
                run: Run = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(_attempt(run, store, settings, sources, _Reporter(connection), stop))


def _own_stream(device: str) -> contextlib.AbstractContextManager[object]:
    if device == "cpu":
        return contextlib.nullcontext()
    import torch

    return torch.cuda.stream(torch.cuda.Stream(torch.device(device)))


class _Sources:
    """The data of each protocol, opened once for all threads of a worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lock = settings, threading.Lock()
        self.opened: dict[str, Any] = {}

    def of(self, run: Run) -> Any:
        from senet_lab.training.run import open_data

        with self.lock:
            data = open_data(run, self.settings, self.opened)
            if data.device.type == "cuda":
                import torch

                torch.cuda.synchronize(data.device)  # it is read on other streams than it was written on
            return data


def _attempt(
    run: Run, store: Store, settings: Settings, sources: "_Sources", report: "_Reporter", stop: StopSign
) -> Outcome:
    import torch

    from senet_lab.training.checkpoint import CheckpointError
    from senet_lab.training.run import make

    try:
        with store.lock(run) as held:
            if held is None:
                return Outcome(Fate.BUSY, "another process trains it")
            record = store.read(run)
            if record is None:
                record = make(run, sources.of(run), store, settings, report, SavePlan(stop))
    except Paused as pause:
        return Outcome(Fate.PAUSED, str(pause))
    except CheckpointError as error:
        return Outcome(Fate.ERROR, str(error))
    except StudyError as error:
        return Outcome(Fate.STOP, str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            return Outcome(
                Fate.STOP, f"{store.root}: {error.strerror}; make room or name another folder with --results"
            )
        return _broken(error)
    except torch.OutOfMemoryError as error:
        return Outcome(Fate.CROWDED, " ".join(str(error).split())[:300])
    except Exception as error:
        return _broken(error)
    if record.failure:
        return Outcome(Fate.RECORDED, f"failed: {record.failure}")
    return Outcome(Fate.RECORDED, f"top-1 error {record.top1_error_pct:.2f} %")


def _broken(error: Exception) -> Outcome:
    traceback.print_exc()
    sys.stderr.flush()
    text = " ".join(str(error).split())[:300]
    return Outcome(Fate.ERROR, f"{type(error).__name__}: {text}")


class _Reporter:
    """Sends progress to the parent, not at every step."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sent = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.note or progress.top1_error_pct is not None or now - self.sent > REPORT_SECONDS:
            self.connection.send(progress)
            self.sent = now


def keep_memory() -> None:
    """Tells glibc to keep freed memory instead of giving it back at every step.

    Activations of a few dozen MiB are otherwise mapped afresh and zeroed by the kernel at each step, which costs
    as much as a third of the step. Elsewhere than with glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 64 << 20)):
            library.mallopt(parameter, value)


def _redirect(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    file = open(log, "ab", buffering=0)  # noqa: SIM115 - the process's output for as long as it lives
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
