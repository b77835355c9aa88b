"""A search for the learning rate and weight decay of one cell.

The winner is copied by hand into ``ablations/protocols`` as a new version of the protocol, since no command takes
hyperparameters.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from optuna.trial import TrialState

from senet_lab.errors import StudyError
from senet_lab.extensions import digests
from senet_lab.search.journal import CODE, Journal, ended, refuse_other_code, run_trials
from senet_lab.search.space import RANGES, Point, held_out_protocol
from senet_lab.search.trial import Trainer
from senet_lab.study.cell import Cell

SEED = 0  # the seed of every trial's network and batches


@dataclass(frozen=True, slots=True)
class Winner:
    """The best trial.

    top1_error_pct: on held-out training images, at the final epoch. trials: how many trials ended, pruned ones
    included.
    """

    point: Point
    top1_error_pct: float
    trials: int


def search(cell: Cell, trials: int, journal: Path, trainer: Trainer, tell: Callable[[str], None]) -> Winner:
    """Searches until the journal has ``trials`` trials, including those of earlier calls, and returns the best one.

    journal: the file. tell: prints a line for each trial. Raises StudyError for a protocol of photos, before any data
    is opened, for a journal whose trials have other code of a user's own, and where no trial has ended.
    """
    protocol = held_out_protocol(cell.protocol)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1, interval_steps=1, n_min_trials=1)
    books = Journal(journal)
    study = books.study(cell.key, pruner=pruner)
    refuse_other_code(cell, study, books)

    def work(trial: optuna.Trial) -> float:
        point = Point.of({name: trial.suggest_float(name, *range_, log=True) for name, range_ in RANGES.items()})

        def after_epoch(epoch: int, error_pct: float) -> None:
            trial.report(error_pct, step=epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        trial.set_user_attr(CODE, digests(cell))
        (error,) = trainer.error_pct(replace(cell, protocol=point.under(protocol)), [SEED], after_epoch)
        tell(f"trial {trial.number}: {point}: held-out top-1 error {error:.2f} %")
        return error

    run_trials(books, study, trials, work)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        raise StudyError(f"no trial of {journal} has ended yet; other processes are working on it")
    return Winner(Point.of(study.best_trial.params), float(study.best_value), len(ended(study)))
