"""SENetModule: one cell as a Lightning module, and the executor that drives it."""

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from senet_lab.data.batches import Batch, BatchSource
from senet_lab.data.open import open_source
from senet_lab.models.registry import build_model, channels_last
from senet_lab.records.curves import CurvePoint
from senet_lab.records.gate_health import GateHealth
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, put, take
from senet_lab.training.compiled import compiled_network
from senet_lab.training.epoch import (
    EpochMeter,
    Evaluation,
    begin_epoch,
    collect,
    evaluate_all,
    rate_at,
)
from senet_lab.training.gate_health import GateMeter, warn
from senet_lab.training.numerics import set_switches
from senet_lab.training.progress import Progress, Report
from senet_lab.training.step import evaluate, make_optimizer, set_learning_rate, training_loss

Save = Callable[[Checkpoint], None]


class SENetModule(pl.LightningModule):
    """The network of a cell with its loss, its optimiser and its learning rate.

    Batches are (images B 3 H W fp32, labels B). Once an epoch it logs train_loss, train_top1_error_pct,
    test_loss, test_top1_error_pct and test_top5_error_pct, and adds them to ``curve``. Raises ValueError where
    the SESpec does not fit the backbone.
    """

    def __init__(self, cell: Cell, seed: int = 0, model: nn.Module | None = None, compiled: bool = False) -> None:
        super().__init__()
        self.cell = cell
        self.seed = seed
        self.model = model or build_model(cell.backbone, cell.se, cell.protocol.num_classes, seed)
        channels_last(self.model)
        self.curve: list[CurvePoint] = []
        self.gates: list[GateHealth] = []
        self.evaluation: Evaluation | None = None
        # Hidden in a list: the compiled network shares the weights, and must not enter the state dict by its own name.
        self._network = [compiled_network(self.model) if compiled else self.model]
        self._evaluated: list[tuple[Tensor, Tensor]] = []
        self._gates = GateMeter(self.model)
        self._meter = EpochMeter(torch.device("cpu"))
        self._rate = 0.0

    def setup(self, stage: str) -> None:
        """Sets the switches of torch that decide numbers, for the whole process."""
        set_switches()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Logits B K."""
        return self.model(images_BCHW)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD as the protocol says; ``training_step`` sets its rate."""
        return make_optimizer(self.model, self.cell.protocol)

    def on_train_epoch_start(self) -> None:
        begin_epoch(self.model, self.seed, len(self.curve))
        self._meter = EpochMeter(self.device)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """The loss of one batch, a scalar; None where ``automatic_optimization`` is off and the step is taken here."""
        images, labels = batch
        optimizer = self.trainer.optimizers[0]
        step = len(self.curve) * self.cell.protocol.steps_per_epoch + batch_index
        self._rate = rate_at(self.cell.protocol, step, self.curve)
        set_learning_rate(optimizer, self._rate)
        loss, wrong = training_loss(self._network[0], images, labels, self.cell.protocol)
        self._meter.add(loss, wrong, len(labels))
        if not self.automatic_optimization:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            return None
        return loss

    def on_validation_epoch_start(self) -> None:
        self._evaluated = []
        self._gates = GateMeter(self.model)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and hits of one batch of evaluation images."""
        images, labels = batch
        with self._gates.listening():
            self._evaluated.append(evaluate(self.model, images, labels, self.cell.protocol))

    def on_validation_epoch_end(self) -> None:
        """In training, this ends the epoch: its point joins the curve before any callback saves the state."""
        self.evaluation = collect(self._evaluated, self.cell.protocol, self._gates)
        if self.trainer.state.fn is not TrainerFn.FITTING or self.trainer.sanity_checking:
            return
        point = self._meter.point(len(self.curve) + 1, self._rate, self.evaluation)
        self.curve.append(point)
        health = self.evaluation.gates_after(len(self.curve))
        warn(health, self.gates)
        self.gates += health
        logged = ("train_loss", "train_top1_error_pct", "test_loss", "test_top1_error_pct", "test_top5_error_pct")
        self.log_dict({name: getattr(point, name) for name in logged})


class SENetData(pl.LightningDataModule):
    """The batches of a protocol for a SENetModule, made on the trainer's device.

    Raises StudyError, when the trainer sets it up, where the data set is missing or damaged.
    """

    def __init__(self, protocol: Protocol, seed: int = 0, source: BatchSource | None = None) -> None:
        super().__init__()
        self.protocol, self.seed = protocol, seed
        self.source = source

    def setup(self, stage: str) -> None:
        """Opens the data set, once."""
        if self.source is None:
            assert self.trainer is not None
            self.source = open_source(self.protocol, self.trainer.strategy.root_device)

    def train_dataloader(self) -> Iterable[Batch]:
        """The batches of the epoch that the module is in, anew for each epoch."""
        return _Batches(self._training_epoch, self.protocol.steps_per_epoch)

    def val_dataloader(self) -> Iterable[Batch]:
        """Every evaluation image once."""
        assert self.source is not None
        return _Batches(self.source.test_batches, None)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """The batch on the device; most lie there already, and Lightning's own search for tensors costs more."""
        images, labels = batch
        return batch if images.device == device == labels.device else (images.to(device), labels.to(device))

    def _training_epoch(self) -> Iterator[Batch]:
        assert self.source is not None
        assert self.trainer is not None
        module = self.trainer.lightning_module
        return self.source.training_batches(self.seed, len(cast(SENetModule, module).curve))


class _Batches:
    """Batches that are made anew each time they are asked for."""

    def __init__(self, make: Callable[[], Iterator[Batch]], length: int | None) -> None:
        self.make, self.length = make, length

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("of unknown length")  # Lightning then counts for itself
        return self.length

    def __iter__(self) -> Iterator[Batch]:
        return self.make()


class _Follow(pl.Callback):
    """Progress at every step, a checkpoint after every epoch."""

    def __init__(self, resume: Checkpoint | None, save: Save, report: Report) -> None:
        self.resume, self.save, self.report = resume, save, report
        self.before = resume.seconds if resume else 0.0
        self.started = time.perf_counter()

    def on_train_start(self, trainer: pl.Trainer, module: SENetModule) -> None:  # type: ignore[override]
        if self.resume is not None:
            put(self.resume, module.model, trainer.optimizers[0])

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:  # type: ignore[no-untyped-def]
        protocol = module.cell.protocol
        step = len(module.curve) * protocol.steps_per_epoch + batch_index + 1
        self.report(Progress(len(module.curve), protocol.epochs, step, protocol.epochs * protocol.steps_per_epoch))

    def on_train_epoch_end(self, trainer: pl.Trainer, module: SENetModule) -> None:  # type: ignore[override]
        seconds = self.before + time.perf_counter() - self.started
        self.save(take(module.model, trainer.optimizers[0], module.curve, seconds, module.gates))


def train(
    model: nn.Module,
    data: BatchSource,
    cell: Cell,
    seed: int,
    *,
    resume: Checkpoint | None,
    save: Save,
    report: Report,
    compiled: bool,
) -> tuple[list[CurvePoint], Evaluation]:
    """Trains to the end of the protocol under Lightning; otherwise as ``device_loop.train``."""
    module = SENetModule(cell, seed, model, compiled)
    module.automatic_optimization = False  # Lightning's closures and hooks around a step cost as much as a small step
    if resume is not None:
        model.load_state_dict(resume.model)
        module.curve, module.gates = list(resume.curve), list(resume.gates)
    left = cell.protocol.epochs - len(module.curve)
    if left > 0:
        trainer = _trainer(data.device, left, _Follow(resume, save, report))
        trainer.fit(module, datamodule=SENetData(cell.protocol, seed, data))
    evaluation = module.evaluation or evaluate_all(model, data.test_batches(), cell.protocol)
    return module.curve, evaluation


def _trainer(device: torch.device, epochs: int, follow: pl.Callback) -> pl.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    # The batches are made in memory, on purpose without worker processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*barebones=True.*")
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=[device.index or 0] if device.type == "cuda" else 1,
        barebones=True,  # no logger, checkpoint, progress bar or summary: ``follow`` and the curve take their place
        use_distributed_sampler=False,
        callbacks=[follow],
    )
