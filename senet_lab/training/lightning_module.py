"""SENetModule: one cell as a Lightning module. SENetData: its batches. Any trainer that keeps the protocol takes them.

    module, data = SENetModule(cell, seed=0), SENetData(cell.protocol, seed=0)
    pl.Trainer(max_epochs=cell.protocol.epochs).fit(module, datamodule=data)                 # any logger, any callbacks
    pl.Trainer(max_epochs=cell.protocol.epochs).fit(module, datamodule=data, ckpt_path=...)  # goes on to the same end

Epoch and step are the trainer's. Lightning's checkpoints hold the curve, the gates and the sums of an unfinished epoch.
"""

from collections.abc import Iterable
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.errors import StudyError
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.models.whole_state import left_out, load_whole_state
from senet_lab.records.curves import CurvePoint
from senet_lab.records.gate_health import GateHealth
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint
from senet_lab.training.compiled import compiled_network
from senet_lab.training.epoch import Evaluation, collect, evaluate_all
from senet_lab.training.gate_health import GateMeter
from senet_lab.training.lightning_data import Position, SENetData
from senet_lab.training.lightning_rules import refuse
from senet_lab.training.numerics import set_switches
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.run_state import RunState
from senet_lab.training.state_file import state_card, state_of, stream_tensors
from senet_lab.training.step import evaluate, make_optimizer, set_learning_rate, take_gradients, training_loss

__all__ = ["SENetData", "SENetModule"]
CARD = "senet_lab"  # the key of this project's part in Lightning's checkpoints
LOGGED = ("train_loss", "train_top1_error_pct", "test_loss", "test_top1_error_pct", "test_top5_error_pct")


class SENetModule(pl.LightningModule):
    """The network of a cell with its loss, its optimiser and its learning rate.

    Batches are (images B 3 H W fp32, labels B). An evaluation at the end of an epoch logs learning_rate, train_loss,
    train_top1_error_pct, test_loss, test_top1_error_pct and test_top5_error_pct, and adds them to ``curve``. Other
    evaluations log only the columns of the test. ranks, at_once: as in ``device_loop.train``. With
    automatic optimisation, training steps use neither.
    Raises ValueError where the SESpec does not fit the backbone. Raises StudyError where the trainer does not keep the
    protocol, or where a checkpoint belongs to another cell or seed.
    """

    def __init__(
        self,
        cell: Cell,
        seed: int = 0,
        model: nn.Module | None = None,
        compiled: bool = False,
        ranks: Ranks = ALONE,
        at_once: int | None = None,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.seed = seed
        self.model = model or build_cell(cell, seed)
        channels_last(self.model)
        self.ranks, self.at_once = ranks, at_once
        self.evaluation: Evaluation | None = None
        self._run = RunState(self.model, cell.protocol, seed, torch.device("cpu"))
        self._first = Position(0, 0)
        self._unfinished = 0  # the trainer's epoch when Lightning's checkpoint was saved
        # A list hides the compiled network, which shares the weights, from the state dict.
        self._network = [compiled_network(self.model) if compiled else self.model]
        self._evaluated: list[tuple[Tensor, Tensor]] = []
        self._gates = GateMeter(self.model)
        self._batch_index = -1
        self._stepped = False  # since the weights were drawn or loaded

    @property
    def curve(self) -> list[CurvePoint]:
        """A point for each epoch that ended with an evaluation."""
        return [point for point in self._run.curve if isinstance(point, CurvePoint)]

    @property
    def gates(self) -> list[GateHealth]:
        """The health of every block after each epoch of the curve."""
        return self._run.gates

    @property
    def run_state(self) -> RunState:
        """The curve, gates and sums of the run so far."""
        return self._run

    def go_on(self, state: Checkpoint) -> None:
        """Begins at a state from this project's own checkpoints. The trainer's epochs count from there."""
        self._run = RunState(self.model, self.cell.protocol, self.seed, torch.device("cpu"), state)
        self._first = Position(len(state.curve), state.sums.steps if state.sums else 0)

    def position(self, batch_index: int) -> Position:
        """Epoch and step of the run at a batch of the trainer's present epoch."""
        within = self._first.step if self.trainer.current_epoch == 0 else 0
        return Position(self._first.epoch + self.trainer.current_epoch, within + batch_index)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Logits B K."""
        return self.model(images_BCHW)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with the protocol's values; ``training_step`` sets its learning rate."""
        return make_optimizer(self.model, self.cell.protocol)

    def setup(self, stage: str) -> None:
        """Sets torch's switches that decide numbers, for the whole process.

        Raises StudyError where the trainer does not keep the protocol.
        """
        set_switches()
        if stage == TrainerFn.FITTING:
            refuse(self.trainer, self.cell.protocol, self._first.epoch)

    def on_fit_start(self) -> None:
        """Raises StudyError where the module has taken steps, and the trainer would begin at the first one again."""
        if self._stepped and self.trainer.current_epoch == 0 and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            raise StudyError(
                "this module was trained before; make a new SENetModule, or go on by fit(..., ckpt_path=...)"
            )

    def on_train_start(self) -> None:
        """Ends the previous epoch, if the checkpoint was saved between its last step and its evaluation."""
        self._run.device = self.device
        epoch, trainer = self._unfinished, self.trainer
        if self._run.within is None or trainer.current_epoch <= epoch:
            return
        self._run.begin_epoch(epoch)
        if trainer.limit_val_batches and (epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0:
            data = cast(pl.LightningDataModule, trainer.datamodule)  # type: ignore[attr-defined]
            self.evaluation = evaluate_all(self.model, data.val_dataloader(), self.cell.protocol)
            log_epoch(trainer.loggers, self._run.end_epoch(epoch, self.evaluation), epoch, self.cell.protocol)
        self._run.leave_epoch()

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Begins an epoch, or goes on within one. Raises StudyError where the checkpoint's sums are of another step."""
        epoch, step = self.position(batch_index)
        if batch_index == 0 or not self._run.in_epoch:
            self._run.begin_epoch(epoch)
        if self._run.meter.steps != step:
            raise StudyError(
                f"the trainer is at step {step} of epoch {epoch + 1}, but its checkpoint holds the sums of "
                f"{self._run.meter.steps} steps; go on from another checkpoint"
            )

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """The loss of one batch, a scalar. Without ``automatic_optimization`` it takes the step itself, and returns
        None."""
        optimizer = self.trainer.optimizers[0]
        self._batch_index, self._stepped = batch_index, True
        set_learning_rate(optimizer, self._run.rate(*self.position(batch_index)))
        protocol, network = self.cell.protocol, self._network[0]
        if self.automatic_optimization:
            images, labels = batch
            loss, wrong = training_loss(network, images, labels, protocol)
            self._run.meter.add(loss, wrong, len(labels))
            return loss
        loss, wrong = take_gradients(network, self.model, batch, protocol, self.ranks, self.at_once)
        self._run.meter.add(loss, wrong, protocol.batch_size)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return None

    def on_train_epoch_end(self) -> None:
        self._run.leave_epoch()

    def on_validation_epoch_start(self) -> None:
        self.ranks.take_statistics(self.model)
        self._evaluated = []
        self._gates = GateMeter(self.model)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Evaluates one batch: the losses and hits of its images are kept until the epoch's end."""
        images, labels = batch
        with self._gates.listening():
            self._evaluated.append(evaluate(self.model, images, labels, self.cell.protocol))

    def on_validation_epoch_end(self) -> None:
        """Logs the evaluation, and after an epoch's last step adds the epoch to the curve, before callbacks save."""
        if self.trainer.sanity_checking or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        evaluation = self.evaluation = collect(self._evaluated, self.cell.protocol, self._gates, self.ranks)
        test = {"test_loss": evaluation.loss}
        test |= {f"test_top{k}_error_pct": evaluation.error_pct(column) for column, k in enumerate((1, 5))}
        if self.trainer.state.fn is not TrainerFn.FITTING or self._batch_index + 1 != self.trainer.num_training_batches:
            self.log_dict(test)
        elif self._run.in_epoch:
            point = self._run.end_epoch(self.position(0).epoch, evaluation)
            self.log_dict(_logged(point))
            if self._first.epoch:  # otherwise loggers have the trainer's epoch, which counts from this process's start
                self.log("epoch", float(self.position(0).epoch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds to Lightning's checkpoint the cell's key, the seed, the curve, the gates and the unfinished epoch."""
        state = self._run.snapshot()
        checkpoint[CARD] = {
            "key": self.cell.key,
            "seed": self.seed,
            "epoch": self.trainer.current_epoch,
            **state_card(state),
            "streams": stream_tensors(state.streams),
            "buffers": left_out(self.model),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Reads curve, gates and the unfinished epoch. Raises StudyError for a checkpoint of another cell or seed."""
        card = checkpoint.get(CARD)
        if card is None:
            raise StudyError("this checkpoint has no curve: it is of another module, or of an earlier version")
        found, needed = (card["key"], card["seed"]), (self.cell.key, self.seed)
        if found != needed:
            raise StudyError(f"this checkpoint is of {found[0]} seed {found[1]}, not of {needed[0]} seed {needed[1]}")
        load_whole_state(self.model, self.model.state_dict() | card.get("buffers", {}))
        self._first, self._unfinished, self._stepped = Position(0, 0), int(card["epoch"]), False
        self._run = RunState(
            self.model, self.cell.protocol, self.seed, self.device, state_of(card, dict(card["streams"]))
        )


def log_epoch(loggers: Iterable[Logger], point: CurvePoint, epoch: int, protocol: Protocol) -> None:
    """Gives an epoch (from 0) to loggers where no trainer does it.

    Its evaluation was interrupted, and was done when the run went on. The step is the one that trainers name then.
    """
    for logger in loggers:
        logger.log_metrics({"epoch": float(epoch), **_logged(point)}, (epoch + 1) * protocol.steps_per_epoch - 1)
        logger.save()


def _logged(point: CurvePoint) -> dict[str, float]:
    return {name: getattr(point, name) for name in ("learning_rate", *LOGGED)}
