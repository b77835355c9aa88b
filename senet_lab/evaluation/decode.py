"""Photos to pixels: each photo is decoded once, then resized and cropped for every view that some network wants.

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
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from senet_lab.evaluation.photo_set import Photo

Geometry = tuple[int, int, str]  # shorter side, crop, interpolation


@dataclass(frozen=True, slots=True)
class Damaged:
    """A photo that cannot be read, and why."""

    name: str
    why: str


def decoder() -> str:
    """The decoder and its version. Pillow is the reference of every published number that is compared with."""
    return f"Pillow {PIL.__version__}"


def load(data: bytes) -> Image.Image:
    """The photo in some bytes as torchvision's loader reads it. Raises what Pillow raises for a damaged one."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def shown(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    """The photo resized by its shorter side and cropped at its centre, uint8 3 H W, as torchvision's transforms do."""
    resize, size, interpolation = geometry
    resized = F.resize(image, [resize], InterpolationMode(interpolation), antialias=True)
    return np.array(F.center_crop(resized, [size, size])).transpose(2, 0, 1)


class _Photos(Dataset[list[Tensor] | Damaged]):
    """Batches of photos: one item is a whole batch, one tensor a geometry."""

    def __init__(self, batches: Sequence[Sequence[Photo]], geometries: Sequence[Geometry]) -> None:
        self.batches, self.geometries = batches, geometries

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> list[Tensor] | Damaged:
        photos = self.batches[index]
        made = [torch.empty(len(photos), 3, size, size, dtype=torch.uint8) for _, size, _ in self.geometries]
        for row, photo in enumerate(photos):
            try:
                image = load(photo.place.read())
            except Exception as error:  # Pillow raises many kinds for a damaged photo
                return Damaged(photo.described, f"{type(error).__name__}: {str(error)[:120]}")
            for tensor, geometry in zip(made, self.geometries, strict=True):
                tensor[row] = torch.from_numpy(shown(image, geometry))
        return made


def decoded(
    batches: Sequence[Sequence[Photo]], geometries: Sequence[Geometry], processes: int
) -> Iterator[list[Tensor] | Damaged]:
    """The pixels of each batch, in order: one uint8 tensor B 3 H W for each geometry."""
    loader: Any = DataLoader(
        _Photos(batches, geometries),
        batch_size=None,
        num_workers=processes,
        worker_init_fn=_one_thread if processes else None,
        prefetch_factor=2 if processes else None,
    )
    yield from loader


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
