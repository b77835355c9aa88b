"""Trains detectors under Lightning, with the same trainer and checkpoints as classification networks.

A detector is evaluated once, after the last epoch. So its curve has no test columns, only the training loss.
"""

import math
from collections.abc import Iterable, Iterator

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from senet_lab.data.coco_data import CocoData, Step
from senet_lab.models.whole_state import load_whole_state
from senet_lab.records.precision import AveragePrecision, FoundBoxes
from senet_lab.study.cell import Cell
from senet_lab.training.checkpoint import Checkpoint, put
from senet_lab.training.coco_evaluation import coco_code, precision_of
from senet_lab.training.detector_step import find_boxes, take_detection_gradients
from senet_lab.training.epoch import Diverged
from senet_lab.training.lightning_data import EpochBatches, Position
from senet_lab.training.lightning_loop import RunCallback, trainer_for
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.run_state import Follower, Hooks, RunState, Trained
from senet_lab.training.step import make_optimizer, set_learning_rate


class DetectorModule(pl.LightningModule):
    """The detector of a cell with its losses, optimiser and learning rate. It takes each step itself, not Lightning."""

    def __init__(self, cell: Cell, seed: int, model: nn.Module, state: RunState, ranks: Ranks) -> None:
        super().__init__()
        self.cell, self.seed, self.model, self.run_state, self.ranks = cell, seed, model, state, ranks
        self.automatic_optimization = False
        within = state.within.sums if state.within else None
        self._first = Position(len(state.curve), within.steps if within else 0)

    def position(self, batch_index: int) -> Position:
        """Epoch and step of the run at a batch of the trainer's present epoch."""
        within = self._first.step if self.trainer.current_epoch == 0 else 0
        return Position(self._first.epoch + self.trainer.current_epoch, within + batch_index)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with the protocol's values."""
        return make_optimizer(self.model, self.cell.protocol)

    def training_step(self, batch: Step, batch_index: int) -> None:
        """Takes one step; the last step of an epoch adds the epoch to the curve. Raises Diverged for a loss that is
        not finite."""
        state, protocol = self.run_state, self.cell.protocol
        epoch, step = self.position(batch_index)
        if not state.in_epoch:
            state.device = self.device
            state.begin_epoch(epoch)
        optimizer = self.trainer.optimizers[0]
        set_learning_rate(optimizer, state.rate(epoch, step))
        loss = take_detection_gradients(self.model, batch, protocol, self.seed, (epoch, step), self.ranks)
        if not math.isfinite(float(loss)):
            error = Diverged(f"the training loss is {float(loss)} in epoch {epoch + 1}")
            error.steps, error.seconds = epoch * protocol.steps_per_epoch + step + 1, state.seconds
            raise error
        state.meter.add(loss, _none_wrong(loss), protocol.batch_size)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step + 1 == protocol.steps_per_epoch:
            state.end_unevaluated_epoch(epoch)


def _none_wrong(loss: Tensor) -> Tensor:
    return torch.zeros((), dtype=torch.int64, device=loss.device)


class _Steps(pl.LightningDataModule):
    """The steps of the epoch that the module is in, from the first one that is left to do."""

    def __init__(self, module: DetectorModule, source: CocoData) -> None:
        super().__init__()
        self.module, self.source = module, source

    def train_dataloader(self) -> Iterable[Step]:
        """The steps of this epoch. The trainer asks for them anew in each epoch."""
        first = self.module.position(0).step
        return EpochBatches(self._epoch, self.module.cell.protocol.steps_per_epoch - first)

    def _epoch(self) -> Iterator[Step]:
        assert self.trainer is not None
        epoch, step = self.module.position(self.trainer.fit_loop.batch_idx + 1)
        yield from self.source.training_batches(self.module.seed, epoch, step)

    def transfer_batch_to_device(self, batch: Step, device: torch.device, dataloader_idx: int) -> Step:
        """The batch itself, which is on the device already."""
        return batch


def train(
    model: nn.Module,
    data: CocoData,
    cell: Cell,
    seed: int,
    *,
    resume: Checkpoint | None = None,
    hooks: Hooks | None = None,
    ranks: Ranks = ALONE,
) -> Trained:
    """Trains a detector to the end of the protocol, from ``resume`` on if there is one, and evaluates it.

    ranks: the processes that train together. Raises Paused where the plan of the hooks asks for the end, Diverged for
    a loss that is not finite, and StudyError where pycocotools is not installed.
    """
    coco_code()  # raises now, not after hours of training
    hooks, protocol = hooks or Hooks(), cell.protocol
    if resume is not None:
        load_whole_state(model, resume.model)
    state = RunState(model, protocol, seed, data.device, resume)
    module = DetectorModule(cell, seed, model, state, ranks)
    left = protocol.epochs - len(state.curve)
    if left > 0:
        follow = RunCallback(resume, hooks)
        trainer = trainer_for(data.device, protocol, left, state.within is not None, [follow])
        with follow.paused_by_sigterm():
            trainer.fit(module, datamodule=_Steps(module, data))
        optimizer = trainer.optimizers[0]
    else:
        optimizer = make_optimizer(model, protocol)
        if resume is not None:
            put(resume, model, optimizer)
    model.to(data.device)  # Lightning moves it to the CPU at its end
    follower = Follower(state, optimizer, hooks, ranks=ranks)
    found = find_boxes(
        model, follower.watched(data.test_batches(), protocol.epochs - 1), data.photos["test"], protocol, ranks
    )
    precision = _measured(data, found, follower, ranks)
    return Trained(state.snapshot(optimizer), precision, found)


def _measured(data: CocoData, found: FoundBoxes, follower: Follower, ranks: Ranks) -> AveragePrecision:
    """The AP of all found boxes. The first process computes it and tells the others."""
    last = follower.state.protocol.epochs - 1
    made = (
        precision_of(data.photos["test"], found, lambda: follower.after_evaluation_batch(last)) if ranks.first else None
    )
    precision = ranks.told(made)
    assert precision is not None
    return precision
