"""Normalises pixels for a network. B batch, H W space."""

import numpy as np
import torch
from torch import Tensor

from senet_lab.study.released import View

WHITE = np.float32(255)


class Normalise:
    """uint8 B 3 H W -> fp32 B 3 H W, with the same operations in the same order as torchvision's, to the last bit.

    On a CPU it works channel by channel with NumPy, so that the values stay in the cache. It writes into memory of its
    own, which the next call overwrites.
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
