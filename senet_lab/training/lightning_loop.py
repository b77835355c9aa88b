"""Lightning as an executor: a trainer without its own files and bars drives an SENetModule, checkpoints are ours."""

import contextlib
import logging
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol as Interface
from typing import runtime_checkable

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import nn

from senet_lab.data.batches import Batch, BatchSource
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, put
from senet_lab.training.epoch import Evaluation, evaluate_all
from senet_lab.training.lightning_data import Placed
from senet_lab.training.lightning_module import SENetData, SENetModule
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.run_state import Follower, Hooks, RunState, Trained
from senet_lab.training.step import make_optimizer


def train(
    model: nn.Module,
    data: BatchSource,
    cell: Cell,
    seed: int,
    *,
    resume: Checkpoint | None = None,
    hooks: Hooks | None = None,
    compiled: bool = False,
    ranks: Ranks = ALONE,
    at_once: int | None = None,
    logger: Logger | Iterable[Logger] | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> Trained:
    """Trains to the end of the protocol under Lightning; otherwise as ``device_loop.train``.

    logger, callbacks: any of Lightning's, beside this project's own curve and checkpoints.
    """
    hooks = hooks or Hooks()
    module = SENetModule(cell, seed, model, compiled, ranks, at_once)
    module.automatic_optimization = False  # Lightning's closures and hooks around a step cost as much as a small step
    follow = RunCallback(resume, hooks)
    if resume is not None:
        model.load_state_dict(resume.model)
        resume = _evaluated(resume, module, data, hooks)
        module.go_on(resume)
        follow.resume = resume
    left = cell.protocol.epochs - len(module.curve)
    if left > 0:
        within = module.run_state.within is not None
        trainer = trainer_for(data.device, cell.protocol, left, within, [follow, *callbacks], logger)
        with follow.paused_by_sigterm():
            trainer.fit(module, datamodule=SENetData(cell.protocol, seed, data))
        optimizer = trainer.optimizers[0]
    else:
        optimizer = make_optimizer(model, cell.protocol)
        if resume is not None:
            put(resume, model, optimizer)
    evaluation = module.evaluation or evaluate_all(model, data.test_batches(), cell.protocol, ranks)
    return Trained(module.run_state.snapshot(optimizer), evaluation)


def _evaluated(resume: Checkpoint, module: SENetModule, data: BatchSource, hooks: Hooks) -> Checkpoint:
    """The state itself; where its epoch has no step left to do, the state after the evaluation that ends the epoch."""
    protocol, epoch = module.cell.protocol, len(resume.curve)
    if resume.sums is None or resume.sums.steps < protocol.steps_per_epoch:
        return resume
    module.go_on(resume)
    state, optimizer = module.run_state, make_optimizer(module.model, protocol)
    put(resume, module.model, optimizer)
    state.device = data.device
    follower = Follower(state, optimizer, hooks, ranks=module.ranks)
    state.begin_epoch(epoch)
    batches = follower.watched(data.test_batches(), epoch)
    evaluation: Evaluation = evaluate_all(module.model, batches, protocol, module.ranks)
    module.evaluation = evaluation
    state.end_epoch(epoch, evaluation)
    follower.after_epoch()
    return state.snapshot(optimizer)


@runtime_checkable
class Driven(Placed, Interface):
    """A module that is driven here: it knows where its run stands, and with which processes it trains."""

    model: nn.Module
    ranks: Ranks
    run_state: RunState


class RunCallback(pl.Callback):
    """Progress at every step, a checkpoint after every epoch and where the plan of the hooks wants one."""

    def __init__(self, resume: Checkpoint | None, hooks: Hooks) -> None:
        self.resume, self.hooks = resume, hooks
        self.follower: Follower | None = None
        self._on_sigterm = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, Driven)
        if callable(self._on_sigterm) and threading.current_thread() is threading.main_thread():
            # Lightning's own handler would end a run wherever it is; all processes of a run end after the same step.
            signal.signal(signal.SIGTERM, self._on_sigterm)
        optimizer = trainer.optimizers[0]
        if self.resume is not None:
            put(self.resume, module.model, optimizer)
            # What loggers have for a step: that of the run, not of this process.
            epoch, step = module.position(0)
            done = epoch * module.cell.protocol.steps_per_epoch + step
            trainer.fit_loop.epoch_loop._batches_that_stepped = done
        self.follower = Follower(module.run_state, optimizer, self.hooks, ranks=module.ranks)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: STEP_OUTPUT, batch: Batch, batch_idx: int
    ) -> None:
        assert isinstance(module, Driven)
        assert self.follower
        epoch, step = module.position(batch_idx)
        self.follower.after_step(epoch, step + 1)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(module, Driven)
        assert self.follower
        self.follower.after_evaluation_batch(module.position(0).epoch)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert self.follower
        self.follower.after_epoch()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        """Where nobody else takes SIGTERM, Lightning ends the run between two steps, and we save it here."""
        if isinstance(exception, SIGTERMException) and self.follower:
            self.follower.save()

    @contextlib.contextmanager
    def paused_by_sigterm(self) -> Iterator[None]:
        """Says of a run that Lightning ended for SIGTERM what is said of those that we end."""
        try:
            yield
        except SIGTERMException:
            assert self.follower
            raise self.follower.paused("between two steps", "SIGTERM") from None


def trainer_for(
    device: torch.device,
    protocol: Protocol,
    epochs: int,
    within: bool,
    callbacks: list[pl.Callback],
    logger: Logger | Iterable[Logger] | None = None,
) -> pl.Trainer:
    """A trainer without files and bars of its own, for so many epochs.

    within: whether the first epoch has fewer steps left than the others, whose loader is then another."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    # The batches are made in memory, on purpose without worker processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*barebones=True.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*is deprecated.*")  # Lightning's own use of torch
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")  # what is logged is of all processes already
    warnings.filterwarnings("ignore", message=".*srun. command is available.*")  # a cluster's job may train one run
    own: dict[str, object] = {"barebones": True}
    if logger is not None or len(callbacks) > 1:
        own = {
            "logger": logger if logger is not None else False,
            "log_every_n_steps": 1 if within else min(50, protocol.steps_per_epoch),
            "num_sanity_val_steps": 0,
        }
        own |= {f"enable_{name}": False for name in ("checkpointing", "progress_bar", "model_summary")}
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=[device.index or 0] if device.type == "cuda" else 1,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1 if within else 0,
        callbacks=callbacks,
        plugins=[LightningEnvironment()],  # one process, whatever cluster it runs on
        **own,  # type: ignore[arg-type]
    )
