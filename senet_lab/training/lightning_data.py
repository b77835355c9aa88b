"""SENetData: the batches of a protocol for Lightning. They begin at the epoch and step where the module is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar, runtime_checkable
from typing import Protocol as Interface

import pytorch_lightning as pl
import torch

from senet_lab.data.batches import Batch, BatchSource
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol

T = TypeVar("T")


class Position(NamedTuple):
    """An epoch of a run and a step in it, both from 0."""

    epoch: int
    step: int


@runtime_checkable
class Placed(Interface):
    """A module that knows its cell, its seed, and its position in the run."""

    cell: Cell
    seed: int

    def position(self, batch_index: int) -> Position:
        """Epoch and step of the run at a batch of the trainer's present epoch."""


class SENetData(pl.LightningDataModule):
    """The batches of a protocol for a SENetModule of the same seed, made on the trainer's device.

    source: the opened data set; None opens it when the trainer sets this up. The trainer's set-up raises StudyError
    where the data set is missing or damaged, or where the module has another protocol or seed.
    """

    def __init__(self, protocol: Protocol, seed: int = 0, source: BatchSource | None = None) -> None:
        super().__init__()
        self.protocol, self.seed = protocol, seed
        self.source = source

    def setup(self, stage: str) -> None:
        """Opens the data set, once."""
        assert self.trainer is not None
        module = self.trainer.lightning_module
        if isinstance(module, Placed) and (module.cell.protocol, module.seed) != (self.protocol, self.seed):
            raise StudyError(
                f"the module is of {module.cell.protocol.name} seed {module.seed}, its data of {self.protocol.name} "
                f"seed {self.seed}; give both the same"
            )
        if self.source is None:
            self.source = open_source(self.protocol, self.trainer.strategy.root_device)

    def train_dataloader(self) -> Iterable[Batch]:
        """The batches of the epoch that the module is in, from the first one that is left to do."""
        first = self._module().position(0).step
        return EpochBatches(self._training_epoch, self.protocol.steps_per_epoch - first)

    def val_dataloader(self) -> Iterable[Batch]:
        """The batches of all evaluation images, each image once."""
        assert self.source is not None
        return EpochBatches(self.source.test_batches, None)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """The batch on the device. Most batches are there already; Lightning's own search for tensors costs more."""
        images, labels = batch
        return batch if images.device == device == labels.device else (images.to(device), labels.to(device))

    def _module(self) -> Placed:
        assert self.trainer is not None
        module = self.trainer.lightning_module
        assert isinstance(module, Placed)
        return module

    def _training_epoch(self) -> Iterator[Batch]:
        """The batches of the present epoch. The trainer's position is read with the first batch and not earlier,
        because going on from a checkpoint changes it."""
        assert self.source is not None
        assert self.trainer is not None
        epoch, step = self._module().position(self.trainer.fit_loop.batch_idx + 1)
        yield from self.source.training_batches(self.seed, epoch, step)


class EpochBatches(Generic[T]):
    """Batches that are made anew each time they are iterated.

    The trainer's own counters say at which batch they begin. So ``state_dict`` gives the trainer an empty state.
    """

    def __init__(self, make: Callable[[], Iterator[T]], length: int | None) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("of unknown length")  # Lightning then counts the batches itself
        return self.length

    def __iter__(self) -> Iterator[T]:
        return self.make()

    def state_dict(self) -> dict[str, Any]:
        """An empty state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Does nothing."""
