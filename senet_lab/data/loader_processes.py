"""Processes that read photos ahead of the training. They start with a run's first pass and end with the run."""

import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from senet_lab.loading import begin_pass
from senet_lab.machine import cores, enough_shared_memory, living_processes

Wanted = TypeVar("Wanted")
Made = TypeVar("Made")


class _Queue(Sampler[Wanted]):
    """The items to make, in order. Each pass sets them anew, so that the same processes serve all passes."""

    def __init__(self) -> None:
        self.wanted: Sequence[Wanted] = ()

    def __iter__(self) -> Iterator[Wanted]:
        return iter(self.wanted)

    def __len__(self) -> int:
        return len(self.wanted)


class _Shared(Dataset[Made]):
    """The same items. Their tensors are in shared memory when they leave a loader process.

    The queue between processes would put them there in a thread of its own, whose error nobody is told: then the
    training would wait for the item for ever.
    """

    def __init__(self, items: Dataset[Made]) -> None:
        self.items = items

    def __getitem__(self, wanted: Any) -> Made:
        made = self.items[wanted]
        if get_worker_info() is not None:
            _share(made)
        return made


def _share(value: Any) -> None:
    if isinstance(value, torch.Tensor):
        if value.numel():
            value.share_memory_()
    elif isinstance(value, (list, tuple)):
        for one in value:
            _share(one)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _share(getattr(value, field.name))


class LoaderProcesses(Generic[Wanted, Made]):
    """Makes the items of a data set in ``processes`` processes, or in this process for 0. They start at the first pass.

    Each thread that asks has processes of its own, so two runs may read side by side. root: the photos' folder, for
    messages. ahead: how many items each process may make before they are asked for. pinned: whether tensors come in
    pinned memory.
    """

    def __init__(self, items: Dataset[Made], root: Path, processes: int, ahead: int, pinned: bool = False) -> None:
        self.items, self.root, self.processes, self.ahead, self.pinned = items, root, processes, ahead, pinned
        self._own = threading.local()

    def made(self, wanted: Sequence[Wanted]) -> Iterator[Made]:
        """The items in order.

        Raises StudyError where a loader process ends early, as when the system kills it, and where shared memory is
        too small.
        """
        if not hasattr(self._own, "loader"):
            self._own.queue = _Queue()
            self._own.loader = self._loader(self._own.queue)
        self._own.queue.wanted = wanted
        with living_processes(f"photos of {self.root}"), enough_shared_memory():
            yield from begin_pass(self._own.loader)

    def _loader(self, queue: _Queue[Wanted]) -> Any:
        options: dict[str, Any] = {}
        if self.processes:
            options = {"prefetch_factor": self.ahead, "persistent_workers": True}
        if self.processes and sys.platform == "linux":
            # A worker of the fleet would otherwise spawn them, as it was spawned itself. Then each loads torch, each
            # gets a copy of the list of photos, and semaphores are left behind when the worker is ended.
            options["multiprocessing_context"] = "fork"
        return DataLoader(
            _Shared(self.items),
            batch_size=None,
            sampler=queue,
            num_workers=self.processes,
            pin_memory=self.pinned,
            worker_init_fn=_ended_by_the_trainer_alone if self.processes else None,
            generator=torch.Generator(),  # torch's global stream is left to the network
            **options,
        )


def _ended_by_the_trainer_alone(process: int) -> None:
    """Makes a loader process ignore the signals that a launcher, a queue or a terminal sends to all processes.

    Those are for the process that trains: it saves its state, and needs its loaders until then. SIGTERM ends a loader
    only if it comes from the process that started it.
    """
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_wait_for_the_trainer, daemon=True).start()


def _wait_for_the_trainer() -> None:
    while True:
        if signal.sigwaitinfo({signal.SIGTERM}).si_pid == os.getppid():
            os._exit(0)


def loader_processes(device: torch.device, environment: Mapping[str, str] = os.environ) -> int:
    """How many processes load photos: at least one, but 0 where this process may not start others.

    On a GPU it is the number of cores, on a CPU that number less the number of torch's threads. Processes of torchrun
    have the cores of their machine together, so each takes its part. A task of SLURM is bound to cores of its own,
    though submitit sets some of torchrun's variables for it.
    """
    if multiprocessing.current_process().daemon:
        return 0
    sharing = int(environment.get("LOCAL_WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in environment else 1
    mine = cores() // sharing
    return max(1, mine - torch.get_num_threads() if device.type == "cpu" else mine)
