"""Pixels to what a network takes.

B batch, H W space.
"""

import torch
from torch import Tensor

from senet_lab.study.released import View


class Normalise:
    """uint8 to fp32, both B 3 H W, by the same operations in the same order as torchvision's, to the last bit.

    On a CPU photo by photo into memory that is kept, so that each photo stays in cache; the next call overwrites it.
    """

    def __init__(self, view: View, device: torch.device) -> None:
        self.mean = torch.tensor(view.mean, device=device).view(3, 1, 1)
        self.std = torch.tensor(view.std, device=device).view(3, 1, 1)
        self.device, self.size = device, view.size
        self._kept = torch.empty(0, 3, view.size, view.size)

    def __call__(self, pixels_B3HW: Tensor) -> Tensor:
        images = pixels_B3HW.to(self.device, non_blocking=True)
        if self.device.type != "cpu":
            return images.to(torch.float32).div_(255).sub_(self.mean).div_(self.std)
        if len(self._kept) < len(images):
            self._kept = torch.empty(len(images), 3, self.size, self.size)
        for kept, image in zip(self._kept, images, strict=False):
            kept.copy_(image).div_(255).sub_(self.mean).div_(self.std)
        return self._kept[: len(images)]
