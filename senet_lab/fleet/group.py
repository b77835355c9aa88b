"""One run after another, each on several devices: starting a process for each device, and what such a process does."""

import logging
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace

from senet_lab.data.coco_data import Source
from senet_lab.errors import StudyError
from senet_lab.fleet.fleet import Watcher
from senet_lab.fleet.outcome import Fate, Outcome, recorded
from senet_lab.fleet.worker import keep_memory
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.place import Place
from senet_lab.training.progress import Progress, Report, silent
from senet_lab.training.ranks import Ranks, join, leave
from senet_lab.training.settings import Settings, prepare_child
from senet_lab.training.stopping import EXIT_GO_ON, Paused, StopSign
from senet_lab.training.together import train_together

SIGNALS = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1,SIGUSR2"  # that are handed on to the processes


def start(words: Sequence[str], devices: int, settings: Settings) -> int:
    """Lets torchrun start this program with these words once for each device; returns its exit status.

    That of paused runs is EXIT_GO_ON, whichever process was the first to end. Raises StudyError for more devices than
    there are.
    """
    if settings.on_gpu:
        import torch

        if devices > torch.cuda.device_count():
            raise StudyError(f"--devices {devices}: this machine has {torch.cuda.device_count()} CUDA devices")
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    prepare_child(settings)
    logging.disable(logging.ERROR)  # the processes say themselves what happened
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        signals_to_handle=SIGNALS,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "senet_lab", *words)
    except SignalException:
        return EXIT_GO_ON
    except ChildFailedError as error:
        statuses = {failure.exitcode for failure in error.failures.values()}
        return EXIT_GO_ON if EXIT_GO_ON in statuses else max(1, *statuses)
    finally:
        logging.disable(logging.NOTSET)
    return 0


def enter(place: Place, settings: Settings) -> tuple[Ranks, Settings]:
    """Joins the other processes; returns them and the settings with this process's own device."""
    if settings.on_gpu:
        import torch

        index = place.local % torch.cuda.device_count()  # a cluster may show each process its own GPU alone
        torch.cuda.set_device(index)
        settings = replace(settings, device=f"cuda:{index}")
    keep_memory()
    return join(on_gpu=settings.on_gpu), settings


def train_each(
    runs: Sequence[Run], store: Store, settings: Settings, ranks: Ranks, watcher: Watcher | None, stop: StopSign
) -> None:
    """Trains the runs one after the other, in all processes together; the watcher is the first one's.

    Leaves out those that somebody else holds. Raises Paused, in all processes, where the sign of any of them asks.
    """
    opened: dict[str, Source] = {}
    for number, run in enumerate(runs):
        if watcher:
            watcher.started(run)
        report = _report_of(run, watcher) if watcher else silent
        try:
            records = train_together([run], store, settings, ranks, stop, report, opened)
        except Paused as error:
            if watcher:
                watcher.ended(run, Outcome(Fate.PAUSED, str(error)))
            text = f"paused with {len(runs) - number} of {len(runs)} runs to go"
            raise Paused(f"{text}; the same command goes on from there") from None
        if watcher:
            watcher.ended(run, recorded(records[0]) if records else BUSY)
    leave(ranks)


BUSY = Outcome(Fate.BUSY, "another worker trains it, or it is recorded meanwhile")


def _report_of(run: Run, watcher: Watcher) -> Report:
    def report(progress: Progress) -> None:
        watcher.progressed(run, progress)

    return report
