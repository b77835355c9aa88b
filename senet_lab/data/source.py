"""Where batches come from: the data set that a protocol names."""

from collections.abc import Iterator
from typing import Protocol as Interface

import torch
from torch import Tensor

from senet_lab.data.arrays import ImageArrays
from senet_lab.study.protocol import Dataset, Protocol

Batch = tuple[Tensor, Tensor]  # images B 3 H W fp32, labels B int64


class BatchSource(Interface):
    """Batches of one data set under one protocol, on one device. sha256: of the data, by split."""

    device: torch.device
    sha256: dict[str, str]

    def training_batches(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch (from 0): the same for the same seed in every row of a table."""

    def test_batches(self) -> Iterator[Batch]:
        """Every evaluation image once, in canonical order."""


def open_source(protocol: Protocol, device: torch.device) -> BatchSource:
    """The data of a protocol. Raises StudyError where it is missing, damaged or of another size."""
    if protocol.dataset is Dataset.IMAGENET:
        from senet_lab.data.imagenet import ImageNetFolder

        return ImageNetFolder(protocol, device)
    from senet_lab.data.resident import ResidentData

    return ResidentData(open_arrays(protocol), protocol, device)


def open_arrays(protocol: Protocol) -> ImageArrays:
    """The whole data set of a protocol of small images. Raises StudyError as ``open_source``."""
    if protocol.dataset is Dataset.SYNTHETIC:
        from senet_lab.data.synthetic import synthetic

        return synthetic(protocol.train_images, protocol.test_images)
    from senet_lab.data.cifar import cifar

    return cifar(protocol.dataset)
