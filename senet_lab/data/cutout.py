"""Cutout (DeVries & Taylor 2017): one square of each training image is set to the data set's mean.

B batch, C channels, H W space, lengths in pixels. It acts on normalised images, where the mean is zero. The
centre is uniform over the image, so the square may cross the border and then hides fewer pixels. TPAMI tables
4 and 5 name Cutout without its length; the length is that of its own paper, 16 on CIFAR-10 and 8 on CIFAR-100.
The square has exactly ``length`` rows, as in that paper; the Lua version used with Shake-Shake has one more.
"""

import torch
from torch import Tensor


def draw_centres(n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A row and a column for each of n images, int64 2 B, on the CPU."""
    return torch.stack([torch.randint(size, (n,), generator=generator) for size in (height, width)])


def cut(images_BCHW: Tensor, centres_2B: Tensor, length: int, fill: float | Tensor = 0.0) -> Tensor:
    """The images with a square of ``length`` pixels around each centre set to ``fill``, a number or one a channel.

    The square covers rows centre - length // 2 to centre - length // 2 + length - 1, and columns likewise.
    The type and the memory format stay those of the images.
    """
    first_2B = (centres_2B - length // 2).to(images_BCHW.device, non_blocking=True)
    rows_BH, columns_BW = (
        _covered(size, first_B, length) for size, first_B in zip(images_BCHW.shape[2:], first_2B, strict=True)
    )
    hole_B1HW = (rows_BH[:, :, None] & columns_BW[:, None, :])[:, None]
    # A number is written by the device: copied there, it could not be part of a CUDA graph.
    fill_C = fill.to(images_BCHW) if isinstance(fill, Tensor) else images_BCHW.new_full((1,), fill)
    return torch.where(hole_B1HW, fill_C.reshape(-1, 1, 1), images_BCHW)


def _covered(size: int, first_B: Tensor, length: int) -> Tensor:
    """Which of ``size`` lines lie among the ``length`` lines from ``first`` on: bool B size."""
    line = torch.arange(size, device=first_B.device)
    return (first_B[:, None] <= line) & (line < first_B[:, None] + length)
