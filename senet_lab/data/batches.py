"""Batches, and where they come from: the types that data sets and executors share."""

from collections.abc import Iterator
from typing import Protocol as Interface

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]  # images B 3 H W fp32, labels B int64


class BatchSource(Interface):
    """Batches of one data set under one protocol, on one device. sha256: of the data, by split."""

    device: torch.device
    sha256: dict[str, str]

    def training_batches(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch (from 0): the same for the same seed in every row of a table."""

    def test_batches(self) -> Iterator[Batch]:
        """Every evaluation image once, in canonical order."""
