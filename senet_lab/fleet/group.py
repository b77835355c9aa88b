"""Runs that train on several devices, one run after the other: a process for each device, and what it does."""

import contextlib
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace

from senet_lab import processes
from senet_lab.data.coco_data import Source
from senet_lab.errors import StudyError, lacks_memory
from senet_lab.fleet.fleet import RETRY_SECONDS
from senet_lab.fleet.outcome import Fate, Outcome, recorded
from senet_lab.fleet.watcher import Watcher
from senet_lab.fleet.worker import keep_memory
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.checkpoint import CheckpointRefused
from senet_lab.training.process_rank import ProcessRank
from senet_lab.training.progress import Progress, Report, silent
from senet_lab.training.ranks import Ranks, join, leave, leave_paused
from senet_lab.training.settings import Settings, prepare_child
from senet_lab.training.stopping import EXIT_GO_ON, Paused, StopSign, meant
from senet_lab.training.together import train_together

# Signals that are passed on to the processes, unless nohup or a shell has them ignored.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
LAUNCHER = "SENET_LAB_LAUNCHER"  # the environment variable with the process ID of the launcher


def start(words: Sequence[str], devices: int, settings: Settings) -> int:
    """Lets torchrun start this program with these words once for each device. Returns the exit status.

    It is EXIT_GO_ON for paused runs, whichever process was the first to end. Raises StudyError for more devices than
    the machine has.
    """
    if settings.on_gpu:
        import torch

        if devices > torch.cuda.device_count():
            raise StudyError(f"--devices {devices}: this machine has {torch.cuda.device_count()} CUDA devices")
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    prepare_child(settings)
    os.environ[LAUNCHER] = str(os.getpid())
    logging.disable(logging.ERROR)  # the processes themselves print what happened
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        signals_to_handle=",".join(one.name for one in meant(SIGNALS)),
    )
    try:
        elastic_launch(config, sys.executable)("-m", "senet_lab", *words)
    except SignalException:
        # Processes that did not end within torchrun's half a minute were killed, and could say nothing.
        print("asked to end; the same command goes on from what was saved last", file=sys.stderr)
        return EXIT_GO_ON
    except ChildFailedError as error:
        statuses = {failure.exitcode for failure in error.failures.values()}
        return EXIT_GO_ON if EXIT_GO_ON in statuses else max(1, *statuses)
    finally:
        logging.disable(logging.NOTSET)
    return 0


def enter(place: ProcessRank, settings: Settings) -> tuple[Ranks, Settings]:
    """Joins the other processes. Returns them, and the settings with this process's own device.

    From then on this process ends when the process that started it ends.
    """
    launcher = os.environ.get(LAUNCHER)
    processes.end_with_parent(int(launcher) if launcher else None)
    if settings.on_gpu:
        import torch

        index = place.local % torch.cuda.device_count()  # a cluster may show each process only its own GPU
        torch.cuda.set_device(index)
        settings = replace(settings, device=f"cuda:{index}")
    keep_memory()
    return join(on_gpu=settings.on_gpu), settings


def train_each(
    runs: Sequence[Run], store: Store, settings: Settings, ranks: Ranks, watcher: Watcher | None, stop: StopSign
) -> list[str]:
    """Trains the runs one after the other, each in all processes together. watcher: of the first process.

    Waits for runs that other workers hold. A run whose checkpoint is refused is left out, and the others go on. Returns
    a line for each of these. Raises Paused in all processes where the stop sign of any of them asks for the end, and
    StudyError where one of them has ended or has too little memory.
    """
    opened: dict[str, Source] = {}
    waiting, refused = list(runs), list[str]()
    try:
        with told_in_words(ranks):
            while waiting:
                held: list[Run] = []
                for number, run in enumerate(waiting):
                    to_go = len(waiting) - number + len(held)
                    try:
                        done = _trained(run, store, settings, ranks, watcher, stop, opened, f"{to_go} of {len(runs)}")
                    except CheckpointRefused as error:  # which all processes raise together
                        refused.append(str(error))
                        if watcher:
                            watcher.ended(run, Outcome(Fate.REFUSED, str(error)))
                        continue
                    if not done:
                        held.append(run)
                if held and len(held) == len(waiting):
                    _wait(ranks, stop, f"{len(held)} of {len(runs)}")
                waiting = held
    except Paused:
        leave_paused(ranks)
        raise
    leave(ranks)
    return refused


def _trained(
    run: Run,
    store: Store,
    settings: Settings,
    ranks: Ranks,
    watcher: Watcher | None,
    stop: StopSign,
    opened: dict[str, Source],
    to_go: str,
) -> bool:
    """Trains a run. Returns whether it has a record now; if not, another worker holds it."""
    if watcher:
        watcher.started(run)
    report = _report_of(run, watcher) if watcher else silent
    try:
        records = train_together([run], store, settings, ranks, stop, report, opened)
    except Paused as error:
        if watcher:
            watcher.ended(run, Outcome(Fate.PAUSED, str(error)))
        raise _paused(to_go) from None
    if watcher:
        watcher.ended(run, recorded(records[0]) if records else BUSY)
    return bool(records) or ranks.told(store.read(run) is not None if ranks.first else False)


def _wait(ranks: Ranks, stop: StopSign, to_go: str) -> None:
    """Waits before runs that others hold are tried again. The first process sleeps; the others wait for it."""
    if ranks.first:
        time.sleep(RETRY_SECONDS)
    if ranks.most(bool(stop.reason)):
        raise _paused(to_go)


def _paused(to_go: str) -> Paused:
    return Paused(f"paused with {to_go} runs to go; the same command goes on from there")


@contextlib.contextmanager
def told_in_words(ranks: Ranks) -> Iterator[None]:
    """Raises StudyError in plain words where the connection or a loader process broke, or memory was short."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if lacks_memory(error):
            raise StudyError(
                "too little memory for this device's part of a batch; with --at-once N a classifier takes less"
            ) from None
        if "DataLoader worker" in str(error):
            raise StudyError(
                "a process that loads photos ended; is there too little memory? --loaders N starts fewer"
            ) from None
        if ranks.together and any(sign in f"{type(error).__name__} {error}" for sign in LOST_SIGNS):
            raise NeighbourLost(
                "another of the processes that train together has ended, or cannot be reached; what was saved is kept, "
                "and the same command goes on from there"
            ) from None
        raise


class NeighbourLost(StudyError):
    """One of the processes that train a run together has ended or cannot be reached."""

    exit_status = 1


# Signs of a broken connection in torch's errors: the names of its classes, and words of gloo, which has no classes.
LOST_SIGNS = ("DistBackendError", "DistNetworkError", "DistStoreError", "gloo", "Connection closed by peer")
BUSY = Outcome(Fate.BUSY, "another worker trains it, or it is recorded meanwhile")


def _report_of(run: Run, watcher: Watcher) -> Report:
    def report(progress: Progress) -> None:
        watcher.progressed(run, progress)

    return report
