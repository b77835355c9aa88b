"""Cutout (DeVries & Taylor 2017): one square of each training image is set to the data set's mean.

Cutout acts on normalised images, whose mean is zero. The square's centre is uniform over the image; a square that
crosses the border hides fewer pixels. TPAMI tables 4 and 5 name Cutout without the square's length. Here it is the
length of the Cutout paper: 16 pixels on CIFAR-10, 8 on CIFAR-100. The square has exactly ``length`` rows, as in that
paper; the Lua version that was used with Shake-Shake has one more.
B batch, C channels, H W space, lengths in pixels.
"""

import torch
from torch import Tensor


def draw_centres(n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """The square's centre for each of n images, a row and a column: int64 2 n, on the CPU."""
    return torch.stack([torch.randint(size, (n,), generator=generator) for size in (height, width)])


def cut(images_BCHW: Tensor, centres_2B: Tensor, length: int) -> Tensor:
    """The images, with a square of ``length`` pixels around each centre set to zero: B C H W -> B C H W.

    The square covers rows centre - length // 2 to centre - length // 2 + length - 1, and columns likewise. Type and
    memory format stay the same.
    """
    first_2B = (centres_2B - length // 2).to(images_BCHW.device, non_blocking=True)
    rows_BH, columns_BW = (
        _covered(size, first_B, length) for size, first_B in zip(images_BCHW.shape[2:], first_2B, strict=True)
    )
    hole_B1HW = (rows_BH[:, :, None] & columns_BW[:, None, :])[:, None]
    # ``new_zeros`` writes on the device. A copy to the device could not be part of a CUDA graph.
    return torch.where(hole_B1HW, images_BCHW.new_zeros(()), images_BCHW)


def _covered(size: int, first_B: Tensor, length: int) -> Tensor:
    """Which of ``size`` rows (or columns) are among the ``length`` ones from ``first`` on: bool B size."""
    line = torch.arange(size, device=first_B.device)
    return (first_B[:, None] <= line) & (line < first_B[:, None] + length)
