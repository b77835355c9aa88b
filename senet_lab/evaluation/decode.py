"""From photos to pixels: each photo is decoded once, then resized and cropped for every view that a network needs.

B batch, H W space; pixels are uint8 B 3 H W, RGB.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from senet_lab.data.central_crop import central_crop
from senet_lab.evaluation.photo_set import Photo
from senet_lab.loading import as_rgb, begin_pass
from senet_lab.machine import enough_shared_memory, living_processes

AHEAD = 2  # batches that each process may make before they are used
Geometry = tuple[int, int, str]  # shorter side and crop in pixels, interpolation


@dataclass(frozen=True, slots=True)
class Damaged:
    """A photo that cannot be read. why: the reason."""

    name: str
    why: str


def decoder() -> str:
    """The decoder and its version. It is Pillow, with which the published numbers were computed."""
    return f"Pillow {PIL.__version__}"


def load(data: bytes) -> Image.Image:
    """The photo in a file's bytes, as torchvision's loader reads it.

    Raises Pillow's errors for a damaged photo, and ValueError for a gray one with more than 8 bits a pixel.
    """
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return as_rgb(image)


def shown(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    """The photo resized by its shorter side and cropped at its centre, uint8 3 H W."""
    return central_crop(image, *geometry).transpose(2, 0, 1)


class _Photos(Dataset[int | Damaged]):
    """A dataset whose items are batches. Reading item k writes the pixels of batch k into a slot.

    The item itself is k, or the first damaged photo of the batch. slots: each has one tensor,
    uint8 B 3 H W, for each geometry.
    """

    def __init__(
        self, batches: Sequence[Sequence[Photo]], geometries: Sequence[Geometry], slots: Sequence[Sequence[Tensor]]
    ) -> None:
        self.batches, self.geometries, self.slots = batches, geometries, slots

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> int | Damaged:
        slot = self.slots[index % len(self.slots)]
        for row, photo in enumerate(self.batches[index]):
            try:
                image = load(photo.place.read())
            except Exception as error:  # Pillow raises many kinds for a damaged photo
                return Damaged(photo.described, f"{type(error).__name__}: {str(error)[:120]}")
            for tensor, geometry in zip(slot, self.geometries, strict=True):
                tensor[row] = torch.from_numpy(shown(image, geometry))
        return index


def decoded(
    batches: Sequence[Sequence[Photo]], geometries: Sequence[Geometry], processes: int
) -> Iterator[list[Tensor] | Damaged]:
    """The pixels of each batch, in order: one uint8 tensor B 3 H W for each geometry. Use them before the next batch.

    For a batch with a damaged photo it gives that photo instead. The processes write into slots of shared memory,
    which are used again. So pixels are not copied, and no memory is made anew. There is a slot for the batch in use,
    and one for each batch that may be made ahead of it. Raises StudyError where shared memory is too small for them.
    """
    if not batches:
        return
    slots = _slots(max(map(len, batches)), geometries, 1 + AHEAD * processes)
    loader: Any = DataLoader(
        _Photos(batches, geometries, slots),
        batch_size=None,
        num_workers=processes,
        worker_init_fn=_one_thread if processes else None,
        prefetch_factor=AHEAD if processes else None,
    )
    with living_processes("photos"):
        for batch, done in zip(batches, begin_pass(loader), strict=True):
            if isinstance(done, Damaged):
                yield done
            else:
                yield [tensor[: len(batch)] for tensor in slots[done % len(slots)]]


def _slots(photos: int, geometries: Sequence[Geometry], number: int) -> list[list[Tensor]]:
    sizes = [size for _, size, _ in geometries]
    with enough_shared_memory():
        return [
            [torch.empty(photos, 3, size, size, dtype=torch.uint8).share_memory_() for size in sizes]
            for _ in range(number)
        ]


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
