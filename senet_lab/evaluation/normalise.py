"""Pixels to what a network takes.

B batch, H W space.
"""

import numpy as np
import torch
from torch import Tensor

from senet_lab.study.released import View

WHITE = np.float32(255)


class Normalise:
    """uint8 to fp32, both B 3 H W, by the same operations in the same order as torchvision's, to the last bit.

    On a CPU channel by channel into memory that is kept, so that each channel stays in cache; the next call overwrites
    it. NumPy converts a channel in pieces that stay nearer still.
    """

    def __init__(self, view: View, device: torch.device) -> None:
        self.mean = torch.tensor(view.mean, device=device).view(3, 1, 1)
        self.std = torch.tensor(view.std, device=device).view(3, 1, 1)
        self.device, self.size = device, view.size
        self._channels = list(zip(np.array(view.mean, np.float32), np.array(view.std, np.float32), strict=True))
        self._kept = torch.empty(0, 3, view.size, view.size)

    def __call__(self, pixels_B3HW: Tensor) -> Tensor:
        if self.device.type != "cpu":
            images = pixels_B3HW.to(self.device, non_blocking=True)
            return images.to(torch.float32).div_(255).sub_(self.mean).div_(self.std)
        if len(self._kept) < len(pixels_B3HW):
            self._kept = torch.empty(len(pixels_B3HW), 3, self.size, self.size)
        kept = self._kept[: len(pixels_B3HW)]
        for image, pixels in zip(kept.numpy(), pixels_B3HW.numpy(), strict=True):
            for channel, (mean, std) in enumerate(self._channels):
                made = image[channel]
                np.divide(pixels[channel], WHITE, out=made, dtype=np.float32)
                np.subtract(made, mean, out=made)
                np.divide(made, std, out=made)
        return kept
