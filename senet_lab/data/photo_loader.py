"""Loader processes that turn photos into pixels. Each makes a part of a batch at a time.

B batch, H W space. Pixels leave the processes as uint8 B H W 3, a quarter of the bytes of floats. The device
normalises them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from senet_lab.data.central_crop import central_crop
from senet_lab.data.damaged import Damage, DamagedPhoto, Kind
from senet_lab.data.loader_processes import LoaderProcesses
from senet_lab.data.photo_folders import PhotoList
from senet_lab.data.photos import draw_crop, read_photo, stream_of, training_pixels
from senet_lab.data.small_photos import SmallPhotos

PART = 32  # photos that a process makes at a time
AHEAD = 3  # how many parts each process may make ahead, at least
NO_LABEL = -1  # the label of a damaged photo that no other photo replaces


@dataclass(frozen=True, slots=True)
class Part:
    """Photos of one split that a process makes together. size: of the crops, in pixels.

    key: of the photos' random streams; None for central crops, before which the shorter edge is resized to ``resize``
    pixels.
    """

    indices: NDArray[np.int64]
    size: int
    key: int | None = None
    flip: bool = True
    resize: int = 0


Made = tuple[Tensor, Tensor, list[Damage]]  # pixels, labels, photos that cannot be used


class _Parts(Dataset[Made]):
    """Makes parts. In a training part, the list's next good photo takes the place of a damaged one."""

    def __init__(self, photos: PhotoList, small: SmallPhotos | None) -> None:
        self.photos, self.small = photos, small

    def __getitem__(self, part: Part) -> Made:
        pixels = torch.empty(len(part.indices), part.size, part.size, 3, dtype=torch.uint8)
        shared = pixels.numpy()
        labels = torch.full((len(part.indices),), NO_LABEL)
        damaged: list[Damage] = []
        for place, index in enumerate(part.indices.tolist()):
            found = self._first_good(index, part, damaged)
            if found is None:
                break
            labels[place] = int(self.photos.labels[found[1]])
            shared[place] = found[0]
        return pixels, labels, damaged

    def _first_good(self, index: int, part: Part, damaged: list[Damage]) -> tuple[Any, int] | None:
        """The pixels of a photo and its index. In training the next good photo may take its place; None without one.

        No other photo takes the place of one in a damaged pack, or of one that the system does not give.
        """
        for step in range(len(self.photos)):
            chosen = (index + step) % len(self.photos)
            try:
                return self._pixels(chosen, index, part), chosen
            except DamagedPhoto as error:
                damaged.append(error.damage)
                if part.key is None or error.kind is not Kind.PHOTO:
                    return None
        return None

    def _pixels(self, chosen: int, index: int, part: Part) -> Any:
        if part.key is None:
            return central_crop(read_photo(self.photos.path(chosen)), part.resize, part.size)
        photo = (self.small.read(chosen) if self.small else None) or read_photo(self.photos.path(chosen))
        return training_pixels(photo, draw_crop(stream_of(part.key, index), *photo.size, part.flip), part.size)


class PhotoLoader:
    """Makes parts of one list of photos in loader processes, which start at the first pass and serve all passes.

    batch: photos in a batch, from which it follows how far the processes read ahead. small: the same photos, resized
    once, from which training crops are cut.
    """

    def __init__(
        self, photos: PhotoList, processes: int, pinned: bool, batch: int, small: SmallPhotos | None = None
    ) -> None:
        ahead = max(AHEAD, -(-batch // (PART * max(1, processes))) + 1)
        items = _Parts(photos, small)
        self._loaders: LoaderProcesses[Part, Made] = LoaderProcesses(items, photos.root, processes, ahead, pinned)

    def parts(self, parts: Sequence[Part]) -> Iterator[Made]:
        """The parts in order. Raises StudyError where a loader process ends early."""
        yield from self._loaders.made(parts)


def parts_of(batch: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The indices of a batch's images, int64 B, in parts of nearly equal length, none longer than PART."""
    return np.array_split(batch, -(-len(batch) // PART)) if len(batch) else []
