"""Lightning as an executor: its trainer drives an SENetModule, and this project writes the checkpoints and progress."""

import contextlib
import logging
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol as Interface
from typing import cast

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import SIGTERMException
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import nn

from senet_lab.data.batches import Batch, BatchSource
from senet_lab.models.whole_state import load_whole_state
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, put
from senet_lab.training.epoch import Evaluation, evaluate_all
from senet_lab.training.lightning_data import Placed
from senet_lab.training.lightning_module import SENetData, SENetModule, log_epoch
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
    """Trains to the end of the protocol under Lightning. Other arguments and errors are those of ``device_loop.train``.

    logger, callbacks: any of Lightning's. This project's own curve and checkpoints are written in any case.
    """
    hooks = hooks or Hooks()
    module = SENetModule(cell, seed, model, compiled, ranks, at_once)
    module.automatic_optimization = False  # Lightning's closures and hooks around a step cost as much as a small step
    follow = RunCallback(resume, hooks)
    if resume is not None:
        load_whole_state(model, resume.model)
        resume = _evaluated(resume, module, data, hooks, [logger] if isinstance(logger, Logger) else logger or ())
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
    follower = Follower(module.run_state, optimizer, hooks, ranks=ranks)
    batches = follower.watched(data.test_batches(), cell.protocol.epochs - 1)
    evaluation = module.evaluation or evaluate_all(model, batches, cell.protocol, ranks)
    return Trained(module.run_state.snapshot(optimizer), evaluation)


def _evaluated(
    resume: Checkpoint, module: SENetModule, data: BatchSource, hooks: Hooks, loggers: Iterable[Logger]
) -> Checkpoint:
    """A state from which an epoch of training can begin: ``resume`` itself, if its epoch has steps left to do.

    Otherwise only the evaluation at the epoch's end is left; it is done here, and the state after it is returned.
    """
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
    point = state.end_epoch(epoch, evaluation)
    log_epoch(loggers, point, epoch, protocol)
    follower.after_epoch()
    return state.snapshot(optimizer)


class Driven(Placed, Interface):
    """A module that ``RunCallback`` can follow. ranks: the processes that train together.

    It is not checked at run time: from Python 3.12 on, ``isinstance`` does not see a network that a module holds.
    """

    model: nn.Module
    ranks: Ranks
    run_state: RunState


class RunCallback(pl.Callback):
    """Reports progress at every step, and saves a checkpoint after every epoch and when the plan of the hooks says."""

    def __init__(self, resume: Checkpoint | None, hooks: Hooks) -> None:
        self.resume, self.hooks = resume, hooks
        self.follower: Follower | None = None
        self._on_sigterm = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        driven = cast(Driven, module)
        if callable(self._on_sigterm) and threading.current_thread() is threading.main_thread():
            # All processes of a run have to end after the same step; Lightning's own handler would end each anywhere.
            signal.signal(signal.SIGTERM, self._on_sigterm)
        optimizer = trainer.optimizers[0]
        if self.resume is not None:
            put(self.resume, driven.model, optimizer)
            # Loggers take this count for the step: it must be the run's, not this process's.
            epoch, step = driven.position(0)
            done = epoch * driven.cell.protocol.steps_per_epoch + step
            trainer.fit_loop.epoch_loop._batches_that_stepped = done
        self.follower = Follower(driven.run_state, optimizer, self.hooks, ranks=driven.ranks)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: STEP_OUTPUT, batch: Batch, batch_idx: int
    ) -> None:
        assert self.follower
        epoch, step = cast(Driven, module).position(batch_idx)
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
        assert self.follower
        self.follower.after_evaluation_batch(cast(Driven, module).position(0).epoch)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert self.follower
        self.follower.after_epoch()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        """Saves the state when Lightning ends the run between two steps. It does so at SIGTERM if the process had no
        handler of its own."""
        if isinstance(exception, SIGTERMException) and self.follower:
            self.follower.save()

    @contextlib.contextmanager
    def paused_by_sigterm(self) -> Iterator[None]:
        """Raises Paused where Lightning ended the run for SIGTERM, as for the runs that this project ends."""
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
    """A trainer for ``epochs`` epochs that writes no checkpoints and shows no progress bars itself.

    within: whether the run goes on in the middle of an epoch. The first epoch then has fewer steps than the others, so
    the trainer asks for a new loader in every epoch.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    # Lightning's loaders have no worker processes on purpose: the source makes the batches.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*barebones=True.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*is deprecated.*")  # Lightning's own use of torch
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")  # logged values are of all processes already
    warnings.filterwarnings("ignore", message=".*srun. command is available.*")  # not to be used for one process
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
        plugins=[LightningEnvironment()],  # Lightning sees one process, whatever cluster this runs on
        **own,  # type: ignore[arg-type]
    )
