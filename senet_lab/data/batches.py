"""The types that data sets and executors share: batches, their source, and a process's share of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol as Interface

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senet_lab.errors import StudyError
from senet_lab.study.cell import derive_seed
from senet_lab.study.protocol import Protocol

Batch = tuple[Tensor, Tensor]  # images B 3 H W fp32, labels B int64


@dataclass(frozen=True, slots=True)
class Share:
    """The part of each batch, and of the evaluation images, that one of ``ranks`` processes makes. rank: from 0."""

    rank: int = 0
    ranks: int = 1

    def check(self, protocol: Protocol) -> None:
        """Raises StudyError where a process would have no part of a batch, or no evaluation images to classify."""
        together = protocol.detection.images_together if protocol.detection else 1
        whole = {"a batch": protocol.batch_size // together}
        if protocol.detection is None:
            whole["the evaluation"] = protocol.test_images
        for name, parts in whole.items():
            if self.ranks > parts:
                what = "images" if protocol.detection is None else f"parts of {together} photos"
                raise StudyError(
                    f"{protocol.name} has {parts} {what} in {name}; take at most {parts} devices, not {self.ranks}"
                )

    def of(self, images: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's part of N images. The parts of all ranks, in order, are the images, each once."""
        part = self.between(0, len(images))
        return images[part]

    def between(self, start: int, stop: int) -> slice:
        """This process's part of the indices from ``start`` to before ``stop``. Early ranks take what is left over."""
        each, more = divmod(stop - start, self.ranks)
        begin = start + self.rank * each + min(self.rank, more)
        return slice(begin, begin + each + (self.rank < more))


WHOLE = Share()  # one process makes everything


def drawn_for(seed: int, epoch: int, images: int) -> tuple[NDArray[np.int64], int]:
    """The order of ``images`` images in an epoch, int64 N, and the key of their augmentation.

    Both depend on nothing but seed, epoch and the number of images.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "batches", epoch))
    return torch.randperm(images, generator=generator).numpy(), derive_seed(seed, "augment", epoch)


class BatchSource(Interface):
    """Batches of one data set under one protocol, on one device.

    sha256: of the data, by split.
    """

    device: torch.device
    sha256: dict[str, str]

    @property
    def skipped(self) -> Mapping[str, str]:
        """Of each training photo that was left out its path, below the folder of photos, and its damage."""

    def training_batches(self, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch (from 0). Equal seeds give equal batches in every row of a table.

        first: the index of the first batch that is made; those before it cost nothing.
        """

    def test_batches(self) -> Iterator[Batch]:
        """Every evaluation image once, in canonical order."""
