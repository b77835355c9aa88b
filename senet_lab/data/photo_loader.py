"""Loader processes that turn photos into pixels, part of a batch by part.

B batch, H W space. Pixels leave the processes as uint8 B H W 3, a quarter of what floats would be; what a batch needs
beyond that is done on the device.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from senet_lab.data.photo_folders import PhotoList
from senet_lab.data.photos import DamagedPhoto, draw_crop, evaluation_pixels, read_photo, stream_of, training_pixels
from senet_lab.data.small_photos import SmallPhotos
from senet_lab.errors import StudyError
from senet_lab.machine import cores

PART = 32  # photos that a process makes at a time
AHEAD = 3  # parts that each process may make ahead, at least
NO_LABEL = -1  # of a place that no photo could take


@dataclass(frozen=True, slots=True)
class Part:
    """Photos of one split that a process makes together. key: of their random streams; None: central crops.

    resize: of the shorter edge, before a central crop of ``size`` pixels.
    """

    indices: NDArray[np.int64]
    size: int
    key: int | None = None
    flip: bool = True
    resize: int = 0


Made = tuple[Tensor, Tensor, list[tuple[str, str]]]  # pixels, labels, (path, why) of damaged photos


class _Parts(Dataset[Made]):
    """Makes parts. In a training part, a damaged photo's place is taken by the next good one of the list."""

    def __init__(self, photos: PhotoList, small: SmallPhotos | None) -> None:
        self.photos, self.small = photos, small

    def __getitem__(self, part: Part) -> Made:
        pixels = torch.empty(len(part.indices), part.size, part.size, 3, dtype=torch.uint8)
        shared = pixels.numpy()
        labels = torch.full((len(part.indices),), NO_LABEL)
        damaged: list[tuple[str, str]] = []
        for place, index in enumerate(part.indices.tolist()):
            found = self._first_good(index, part, damaged)
            if found is None:
                break
            labels[place] = int(self.photos.labels[found[1]])
            shared[place] = found[0]
        return pixels, labels, damaged

    def _first_good(self, index: int, part: Part, damaged: list[tuple[str, str]]) -> tuple[Any, int] | None:
        """The pixels of a photo, or of the next good one, with its index. None where none may take its place."""
        for step in range(len(self.photos)):
            chosen = (index + step) % len(self.photos)
            try:
                return self._pixels(chosen, index, part), chosen
            except DamagedPhoto as error:
                damaged.append((error.path, error.why))
                if part.key is None:
                    return None
        return None

    def _pixels(self, chosen: int, index: int, part: Part) -> Any:
        if part.key is None:
            return evaluation_pixels(read_photo(self.photos.path(chosen)), part.resize, part.size)
        photo = (self.small.read(chosen) if self.small else None) or read_photo(self.photos.path(chosen))
        return training_pixels(photo, draw_crop(stream_of(part.key, index), *photo.size, part.flip), part.size)


class _Queue(Sampler[Part]):
    """The parts that are to be made, in order; set anew for each pass, so that the processes live on."""

    def __init__(self) -> None:
        self.parts: Sequence[Part] = ()

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


class PhotoLoader:
    """Makes parts of one list of photos in loader processes, which start at the first pass and live on.

    small: the same photos, resized once, which training parts are cut from. Each thread that asks has processes of its
    own, so two runs may read side by side.
    """

    def __init__(
        self, photos: PhotoList, processes: int, pinned: bool, batch: int, small: SmallPhotos | None = None
    ) -> None:
        self.photos, self.processes, self.pinned, self.small = photos, processes, pinned, small
        self.ahead = max(AHEAD, -(-batch // (PART * max(1, processes))) + 1)
        self._own = threading.local()

    def parts(self, parts: Sequence[Part]) -> Iterator[Made]:
        """The parts in order. Raises StudyError where a process ends, as one does that the system kills."""
        if not hasattr(self._own, "loader"):
            self._own.queue = _Queue()
            self._own.loader = self._loader(self._own.queue)
        self._own.queue.parts = parts
        with warnings.catch_warnings():  # of forking beside threads, of which the children use none
            warnings.simplefilter("ignore", DeprecationWarning)
            made = iter(self._own.loader)
        try:
            yield from made
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise StudyError(
                f"a process that loads photos of {self.photos.root} ended ({' '.join(str(error).split())[:100]}); "
                "is there too little memory?"
            ) from None

    def _loader(self, queue: _Queue) -> Any:
        options: dict[str, Any] = {}
        if self.processes:
            options = {"prefetch_factor": self.ahead, "persistent_workers": True}
        if self.processes and sys.platform == "linux":
            # A worker of the fleet would otherwise start them anew, as it was started itself: torch is loaded for each,
            # the list of photos is copied to each, and semaphores are left behind when the worker is ended.
            options["multiprocessing_context"] = "fork"
        return DataLoader(
            _Parts(self.photos, self.small),
            batch_size=None,
            sampler=queue,
            num_workers=self.processes,
            pin_memory=self.pinned,
            worker_init_fn=_ended_by_the_trainer_alone if self.processes else None,
            **options,
        )


def _ended_by_the_trainer_alone(process: int) -> None:
    """Signals that a launcher, a queue or a terminal sends to all processes are for the one that trains: it saves, and
    needs its loaders until then. SIGTERM ends a loader where it comes from the process that started it."""
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_wait_for_the_trainer, daemon=True).start()


def _wait_for_the_trainer() -> None:
    while True:
        if signal.sigwaitinfo({signal.SIGTERM}).si_pid == os.getppid():
            os._exit(0)


def parts_of(batch: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The images of a batch in parts of nearly equal length, none longer than PART."""
    return np.array_split(batch, -(-len(batch) // PART)) if len(batch) else []


def loader_processes(device: torch.device) -> int:
    """How many processes load photos: the cores that this process may use, less the threads that train on a CPU.

    0 in a process that may not start others. Of several processes that torchrun started here, each has its share.
    """
    if multiprocessing.current_process().daemon:
        return 0
    if device.type == "cpu":
        return max(1, cores() - torch.get_num_threads())
    return max(1, cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
