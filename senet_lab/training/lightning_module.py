"""SENetModule: one cell as a Lightning module; SENetData: its batches. They fit in any trainer that keeps the protocol.

    module, data = SENetModule(cell, seed=0), SENetData(cell.protocol, seed=0)
    pl.Trainer(max_epochs=cell.protocol.epochs).fit(module, datamodule=data)                 # any logger, any callbacks
    pl.Trainer(max_epochs=cell.protocol.epochs).fit(module, datamodule=data, ckpt_path=...)  # goes on to the same end

Epoch and step are the trainer's. Curve, gates and the sums of an unfinished epoch are part of Lightning's checkpoints.
"""

from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.errors import StudyError
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.records.curves import CurvePoint
from senet_lab.records.gate_health import GateHealth
from senet_lab.study.cell import Cell
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
CARD = "senet_lab"  # our part of Lightning's checkpoints
LOGGED = ("train_loss", "train_top1_error_pct", "test_loss", "test_top1_error_pct", "test_top5_error_pct")


class SENetModule(pl.LightningModule):
    """The network of a cell with its loss, its optimiser and its learning rate.

    Batches are (images B 3 H W fp32, labels B). Where an epoch ends with an evaluation it logs learning_rate,
    train_loss, train_top1_error_pct, test_loss, test_top1_error_pct and test_top5_error_pct, and adds them to
    ``curve``; other evaluations log the test columns alone.
    Raises ValueError where the SESpec does not fit the backbone, and StudyError where the trainer or a checkpoint is of
    another protocol, cell or seed.
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
        self.ranks, self.at_once = ranks, at_once  # see ``device_loop.train``; only without automatic optimisation
        self.evaluation: Evaluation | None = None
        self._run = RunState(self.model, cell.protocol, seed, torch.device("cpu"))
        self._first = Position(0, 0)
        self._unfinished = 0  # the epoch of the trainer that a checkpoint of Lightning's lies within
        # Hidden in a list: the compiled network shares the weights, and must not enter the state dict by its own name.
        self._network = [compiled_network(self.model) if compiled else self.model]
        self._evaluated: list[tuple[Tensor, Tensor]] = []
        self._gates = GateMeter(self.model)
        self._batch_index = -1

    @property
    def curve(self) -> list[CurvePoint]:
        """One point for each epoch that ended with an evaluation."""
        return [point for point in self._run.curve if isinstance(point, CurvePoint)]

    @property
    def gates(self) -> list[GateHealth]:
        """The health of every block after each epoch of the curve."""
        return self._run.gates

    @property
    def run_state(self) -> RunState:
        """Where the run stands."""
        return self._run

    def go_on(self, state: Checkpoint) -> None:
        """Begins with a state of this project's own checkpoints, in a trainer that counts its epochs from there."""
        self._run = RunState(self.model, self.cell.protocol, self.seed, torch.device("cpu"), state)
        self._first = Position(len(state.curve), state.sums.steps if state.sums else 0)

    def position(self, batch_index: int) -> Position:
        """Where the run is at a batch of the trainer's present epoch."""
        within = self._first.step if self.trainer.current_epoch == 0 else 0
        return Position(self._first.epoch + self.trainer.current_epoch, within + batch_index)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Logits B K."""
        return self.model(images_BCHW)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD as the protocol says; ``training_step`` sets its rate."""
        return make_optimizer(self.model, self.cell.protocol)

    def setup(self, stage: str) -> None:
        """Sets the switches of torch that decide numbers, for the whole process. Raises StudyError as the class."""
        set_switches()
        if stage == TrainerFn.FITTING:
            refuse(self.trainer, self.cell.protocol, self._first.epoch)

    def on_train_start(self) -> None:
        """Ends an epoch whose last step came before the checkpoint that is gone on from, and its evaluation not."""
        self._run.device = self.device
        epoch, trainer = self._unfinished, self.trainer
        if self._run.within is None or trainer.current_epoch <= epoch:
            return
        self._run.begin_epoch(epoch)
        if trainer.limit_val_batches and (epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0:
            data = cast(pl.LightningDataModule, trainer.datamodule)  # type: ignore[attr-defined]
            self.evaluation = evaluate_all(self.model, data.val_dataloader(), self.cell.protocol)
            self._run.end_epoch(epoch, self.evaluation)
        self._run.leave_epoch()

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Begins an epoch, or goes on within one. Raises StudyError where the checkpoint is of another step."""
        epoch, step = self.position(batch_index)
        if batch_index == 0 or not self._run.in_epoch:
            self._run.begin_epoch(epoch)
        if self._run.meter.steps != step:
            raise StudyError(
                f"the trainer is at step {step} of epoch {epoch + 1}, the sums of its checkpoint are those of "
                f"{self._run.meter.steps} steps; go on from another checkpoint"
            )

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """The loss of one batch, a scalar; None where ``automatic_optimization`` is off and the step is taken here."""
        optimizer = self.trainer.optimizers[0]
        self._batch_index = batch_index
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
        """Loss and hits of one batch of evaluation images."""
        images, labels = batch
        with self._gates.listening():
            self._evaluated.append(evaluate(self.model, images, labels, self.cell.protocol))

    def on_validation_epoch_end(self) -> None:
        """After the last step of an epoch, its point joins the curve before any callback saves the state."""
        if self.trainer.sanity_checking or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        evaluation = self.evaluation = collect(self._evaluated, self.cell.protocol, self._gates, self.ranks)
        test = {"test_loss": evaluation.loss}
        test |= {f"test_top{k}_error_pct": evaluation.error_pct(column) for column, k in enumerate((1, 5))}
        if self.trainer.state.fn is not TrainerFn.FITTING or self._batch_index + 1 != self.trainer.num_training_batches:
            self.log_dict(test)
        elif self._run.in_epoch:
            point = self._run.end_epoch(self.position(0).epoch, evaluation)
            self.log_dict({name: getattr(point, name) for name in ("learning_rate", *LOGGED)})
            if self._first.epoch:  # the trainer's own count begins with this process
                self.log("epoch", float(self.position(0).epoch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds curve, gates and the unfinished epoch, and whose they are."""
        state = self._run.snapshot()
        checkpoint[CARD] = {
            "key": self.cell.key,
            "seed": self.seed,
            "epoch": self.trainer.current_epoch,
            **state_card(state),
            "streams": stream_tensors(state.streams),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes curve, gates and the unfinished epoch. Raises StudyError for a checkpoint of another cell or seed."""
        card = checkpoint.get(CARD)
        if card is None:
            raise StudyError("this checkpoint has no curve: it is of another module, or of an earlier version")
        found, needed = (card["key"], card["seed"]), (self.cell.key, self.seed)
        if found != needed:
            raise StudyError(f"this checkpoint is of {found[0]} seed {found[1]}, not of {needed[0]} seed {needed[1]}")
        self._first, self._unfinished = Position(0, 0), int(card["epoch"])
        self._run = RunState(
            self.model, self.cell.protocol, self.seed, self.device, state_of(card, dict(card["streams"]))
        )
