"""Learning rate and weight decay for one cell. The winner is copied into ``ablations/protocols.py`` by hand, as a
new version of the protocol: no command takes a hyperparameter.

A tenth of the training images is held out and trained networks are compared on it; test images are not opened.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from senet_lab.data.arrays import ImageArrays, held_out
from senet_lab.data.resident import ResidentData
from senet_lab.errors import StudyError
from senet_lab.models.registry import build_model, channels_last
from senet_lab.study.cell import Cell, derive_seed
from senet_lab.study.protocol import Protocol
from senet_lab.training import device_loop
from senet_lab.training.checkpoint import Checkpoint
from senet_lab.training.epoch import Diverged
from senet_lab.training.numerics import set_switches
from senet_lab.training.run_state import Hooks

PEAK_LR, WEIGHT_DECAY = (0.01, 1.0), (1e-5, 1e-2)  # ranges, searched on a log scale


@dataclass(frozen=True, slots=True)
class Winner:
    """The best trial. top1_error_pct is on held-out training images, at the final epoch."""

    peak_lr: float
    weight_decay: float
    top1_error_pct: float
    trials: int  # that ended, with those of earlier calls


def search_protocol(protocol: Protocol, held: int) -> Protocol:
    """The protocol on the training images less ``held`` of them, which it evaluates on."""
    return replace(
        protocol,
        name=f"{protocol.name}-search",
        train_images=protocol.train_images - held,
        test_images=held,
        evaluation_split="held-out training",
    )


def search(
    cell: Cell, arrays: ImageArrays, trials: int, journal: Path, device: torch.device, tell: Callable[[str], None]
) -> Winner:
    """Runs so many more trials of the study in a journal file, which keeps those of earlier calls.

    Raises StudyError for a cell that is not of small images, or where no trial has ended well.
    """
    if cell.protocol.dataset.of_photos:
        raise StudyError("a search trains many networks: it is for the protocols of 32 x 32 images")
    set_switches()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal.parent.mkdir(parents=True, exist_ok=True)
    split = held_out(arrays)
    protocol = search_protocol(cell.protocol, len(split.test.labels))
    study = optuna.create_study(
        study_name=cell.key,
        storage=JournalStorage(JournalFileBackend(str(journal))),
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=derive_seed(0, "search", cell.key) % 2**32),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )

    def objective(trial: optuna.Trial) -> float:
        peak_lr = trial.suggest_float("peak_lr", *PEAK_LR, log=True)
        decay = trial.suggest_float("weight_decay", *WEIGHT_DECAY, log=True)
        schedule = replace(protocol.schedule, peak_lr=peak_lr)
        error = _train(
            trial, replace(cell, protocol=replace(protocol, schedule=schedule, weight_decay=decay)), split, device
        )
        tell(
            f"trial {trial.number}: peak lr {peak_lr:.4g}, weight decay {decay:.4g}: held-out top-1 error {error:.2f} %"
        )
        return error

    study.optimize(objective, n_trials=trials, catch=(Diverged,))
    ended = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if not ended:
        raise StudyError(f"none of {trials} trials ended: every one diverged")
    best = study.best_trial
    return Winner(best.params["peak_lr"], best.params["weight_decay"], float(study.best_value), len(ended))


def _train(trial: optuna.Trial, cell: Cell, split: ImageArrays, device: torch.device) -> float:
    """The final held-out error of one trial; prunes it where it falls behind."""
    model = channels_last(build_model(cell.backbone, cell.se, cell.protocol.num_classes)).to(device)

    def after_epoch(state: Checkpoint) -> None:
        trial.report(state.curve[-1].test_top1_error_pct, step=len(state.curve))
        if trial.should_prune():
            raise optuna.TrialPruned

    source = ResidentData(split, cell.protocol, device)
    trained = device_loop.train(model, source, cell.protocol, 0, hooks=Hooks(save=after_epoch))
    return trained.curve[-1].test_top1_error_pct
