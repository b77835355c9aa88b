"""A worker process of the fleet: takes runs from its parent, trains them, and reports progress and outcome."""

import contextlib
import ctypes
import os
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from senet_lab.data.coco_data import Source
from senet_lab.errors import NoData, StudyError
from senet_lab.extensions import load_extension, used_by
from senet_lab.fleet.gpu_capacity import to_look_at
from senet_lab.fleet.outcome import Fate, Outcome, outcome_of, recorded
from senet_lab.models.stochastic import draws_from_global_stream, is_stochastic
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training import numerics, provenance
from senet_lab.training.progress import Progress
from senet_lab.training.run import make, open_data
from senet_lab.training.settings import Settings
from senet_lab.training.stopping import SavePlan, StopSign
from senet_lab.training.turns import TURNS

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h
REPORT_SECONDS = 0.5  # between two reports within an epoch
SWITCH_SECONDS = 2e-4  # between threads; with Python's 5 ms a thread that compiles delays those that queue steps


def work(connections: Sequence[Connection], store: Store, settings: Settings, log: Path) -> None:
    """Trains runs until the parent closes the connections. What the worker prints goes to ``log``.

    On a CPU it has one connection. On a GPU it has a connection, a thread and a stream for each run that trains side by
    side: streams share the device, while processes would take turns on it. SIGTERM asks its runs to save and end.
    """
    redirect(log)
    keep_memory()
    if settings.on_gpu:
        sys.setswitchinterval(SWITCH_SECONDS)
    numerics.set_switches(settings.threads)
    worker = _Worker(store, settings, len(connections))
    try:
        for source in settings.extensions:
            load_extension(source)
    except StudyError as error:  # the parent could load the extension, but this process cannot
        worker.refusal = error
    provenance.revision()  # read now: a later commit is not the code that this process has loaded
    worker.stop.on_signals()
    threads = [threading.Thread(target=worker.serve, args=(one,), daemon=True) for one in connections[1:]]
    for thread in threads:
        thread.start()
    worker.serve(connections[0])
    for thread in threads:
        thread.join()


class _Worker:
    """What the threads of a worker share."""

    def __init__(self, store: Store, settings: Settings, threads: int) -> None:
        self.store, self.settings, self.threads = store, settings, threads
        self.stop = StopSign()
        self.refusal: StudyError | None = None  # why every run is refused
        self._data: dict[str, Source] = {}  # each protocol's data, opened once
        self._opening = threading.Lock()

    def serve(self, connection: Connection) -> None:
        """Trains the runs that come through a connection, in this thread and on a stream of its own."""
        with _own_stream(self.settings):
            while True:
                try:
                    run: Run = connection.recv()
                except (EOFError, OSError):
                    return
                outcome = self._attempt(run, _Reporter(connection))
                bad = outcome.fate in (Fate.BROKEN, Fate.OUT_OF_MEMORY) and self._device_is_lost()
                if bad and outcome.fate is Fate.BROKEN:
                    outcome = Outcome(Fate.LOST, outcome.text)
                connection.send(outcome)
                if bad:
                    os._exit(1)  # the other runs of this process are lost too; they go on in another process

    def _attempt(self, run: Run, report: "_Reporter") -> Outcome:
        try:
            if self.refusal is not None:
                raise self.refusal
            with self.store.lock(run) as lease:
                if lease is None:
                    return Outcome(Fate.BUSY, "another worker trains it")
                record = self.store.read(run)
                if record is None:
                    data, plan = self._opened(run), SavePlan(self.stop)
                    record = make(run, data, self.store, self._settings_for(run), report, plan, lease=lease)
        except Exception as error:
            return outcome_of(error, self.store.root)
        return recorded(record)

    def _opened(self, run: Run) -> Source:
        """The data of a run. Raises NoData where it cannot be opened."""
        with self._opening:
            known = len(self._data)
            with TURNS.alone():
                try:
                    data = open_data(run, self.settings, self._data)
                except StudyError as error:
                    raise NoData(str(error)) from None
                if self.settings.on_gpu and len(self._data) > known:
                    # Other streams than this one will read the data.
                    torch.cuda.current_stream(data.device).synchronize()
            return data

    def _settings_for(self, run: Run) -> Settings:
        """The settings for a run. Beside other runs, a network with random parts is not compiled.

        Its step is no CUDA graph, so the compiled code is called at every step, which PyTorch refuses while another
        thread compiles. Raises StudyError for a network that draws from PyTorch's global stream, which threads share.
        """
        compiles = self.settings.compiles(run.cell)
        if self.threads == 1 or not (compiles or used_by(run.cell)):
            return self.settings
        with TURNS.alone():  # building changes the random stream and the default device of the whole process
            model = to_look_at(run.cell)
        if draws_from_global_stream(model):
            raise StudyError(
                "the network draws from PyTorch's global stream, which runs side by side on a GPU share: --workers 1"
            )
        return self.settings.without_compiling() if compiles and is_stochastic(model) else self.settings

    def _device_is_lost(self) -> bool:
        """Whether the device can no longer be used by this process, as after some errors and a broken capture."""
        if not self.settings.on_gpu:
            return False
        try:
            with TURNS.alone():
                torch.cuda.empty_cache()
                torch.zeros(1, device=self.settings.device).item()
        except Exception as error:
            print(f"the device is lost to this process: {error}", file=sys.stderr, flush=True)
            return True
        return False


def _own_stream(settings: Settings) -> contextlib.AbstractContextManager[object]:
    if not settings.on_gpu:
        return contextlib.nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(torch.device(settings.device)))


class _Reporter:
    """Sends progress to the parent, but not every step."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sent = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.note or progress.after_epoch or now - self.sent > REPORT_SECONDS:
            self.connection.send(progress)
            self.sent = now


def keep_memory() -> None:
    """Tells glibc to keep freed memory instead of returning it to the system at every step.

    Otherwise the kernel maps and zeroes activations of a few dozen MiB again at each step, which costs up to a third
    of the step's time. Without glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 64 << 20)):
            library.mallopt(parameter, value)


def redirect(log: Path) -> None:
    """Sends the output of this process to a file; nowhere if that cannot be written, as on a full disk."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError:
        file = os.open(os.devnull, os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
