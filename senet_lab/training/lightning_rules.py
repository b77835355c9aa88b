"""Refuses, in one line, the arguments of a Lightning trainer with which it would not train the protocol."""

import logging

import pytorch_lightning as pl

from senet_lab.errors import StudyError
from senet_lab.study.protocol import Protocol
from senet_lab.study.schedule import Decay

LOG = logging.getLogger("senet_lab")


def refuse(trainer: pl.Trainer, protocol: Protocol, epochs_before: int = 0) -> None:
    """Raises StudyError for an argument of the trainer that would change the protocol.

    epochs_before: epochs of the run that another trainer has done. Trial runs (``fast_dev_run``) are not checked.
    """
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        return
    for wrong, text in _refusals(trainer, protocol, epochs_before):
        if wrong:
            raise StudyError(f"{protocol.name} cannot be trained with this trainer: {text}")
    if not _all_of(trainer.limit_train_batches) and trainer.limit_train_batches != protocol.steps_per_epoch:
        limit = trainer.limit_train_batches
        LOG.warning("limit_train_batches=%s: an epoch here is shorter than one of %s", limit, protocol.name)
    if not evaluates_each_epoch(trainer, protocol):
        LOG.warning("not every epoch ends with an evaluation, so the curve has gaps")


def _refusals(trainer: pl.Trainer, protocol: Protocol, epochs_before: int) -> list[tuple[bool, str]]:
    epochs = protocol.epochs - epochs_before
    ends = trainer.max_epochs is not None and 0 <= trainer.max_epochs <= epochs
    too_long = not ends and not 0 <= trainer.max_steps <= epochs * protocol.steps_per_epoch
    unwatched = protocol.schedule.decay is Decay.PLATEAU and not evaluates_each_epoch(trainer, protocol)
    kind = trainer.strategy.root_device.type
    return [
        (kind not in ("cpu", "cuda"), f"it runs on CPUs and CUDA devices, not on {kind}; give accelerator='cpu'"),
        (too_long, f"max_epochs={trainer.max_epochs}, but its schedule ends after {epochs} epochs; give that number"),
        (trainer.world_size != 1, f"{trainer.world_size} devices would each take the whole batch; give devices=1"),
        (trainer.accumulate_grad_batches != 1, "accumulate_grad_batches would change the batch; leave it out"),
        (bool(trainer.gradient_clip_val), "gradient_clip_val would change the gradients; leave it out"),
        (trainer.precision != "32-true", "the protocol sets the precision; leave precision out"),
        (bool(trainer.overfit_batches), "overfit_batches would change the data; leave it out"),  # type: ignore[attr-defined]
        (
            trainer.limit_val_batches != 0 and not _all_of(trainer.limit_val_batches),
            "limit_val_batches must be 0 or 1.0: an error needs all images of the evaluation",
        ),
        (unwatched, "its learning rate depends on the evaluation after every epoch, so leave none out"),
    ]


def evaluates_each_epoch(trainer: pl.Trainer, protocol: Protocol) -> bool:
    """Whether every epoch ends with an evaluation of all images."""
    interval, steps = trainer.val_check_interval, protocol.steps_per_epoch
    every = max(1, int(steps * interval)) if isinstance(interval, float) else interval
    at_the_end = isinstance(every, int) and steps % every == 0 and trainer.check_val_every_n_epoch == 1
    return at_the_end and _all_of(trainer.limit_val_batches)


def _all_of(limit: float) -> bool:
    """Whether a limit of Lightning means all batches: 1.0 does, and 1 means one batch."""
    return isinstance(limit, float) and limit == 1.0
