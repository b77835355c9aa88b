"""Dropout with a random stream of its own, like every random part of a network here."""

import torch
from torch import Tensor, nn

from senet_lab.models.stochastic import uncompiled
from senet_lab.study.cell import derive_seed


class StreamDropout(nn.Module):
    """In training, zeroes each value with probability ``p`` and divides the others by 1 - p. Idle in evaluation.

    stream: the generator of the masks. It is on the CPU, so that masks do not depend on the device. A training loop
    seeds it with ``stochastic.set_stochastic_seed``. place: a name that no other dropout of the network has, so that
    two dropouts draw different masks at equal seeds.
    """

    def __init__(self, p: float, place: str) -> None:
        super().__init__()
        self.p = p
        self.place = place
        self.stream = torch.Generator(device="cpu").manual_seed(derive_seed(0, "dropout", place))

    def set_stochastic_seed(self, seed: int) -> None:
        """Seeds the stream of the masks."""
        self.stream.manual_seed(derive_seed(seed, "dropout", self.place))

    @uncompiled
    def draw(self, x: Tensor) -> Tensor:
        """The mask for one training step: 0 or 1 / (1 - p), of the input's shape, type and device."""
        kept = torch.rand(x.shape, generator=self.stream, device="cpu") >= self.p
        return kept.to(x.device, x.dtype, non_blocking=True) / (1 - self.p)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.draw(x) if self.training and self.p else x

    def extra_repr(self) -> str:
        return f"p={self.p}, {self.place}"
