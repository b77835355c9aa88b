"""A fair search: every row of a table gets the same points, trials, seeds and epochs on held-out training images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from senet_lab.errors import StudyError
from senet_lab.extensions import digests
from senet_lab.search.journal import CODE, Journal, note, quiet, refuse_other_code
from senet_lab.search.space import RANGES, Point, held_out_protocol
from senet_lab.search.trial import Trainer
from senet_lab.stats.expected_best import expected_best
from senet_lab.study.names import LONGEST_LABEL
from senet_lab.study.table import Row, Table
from senet_lab.training import provenance

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    name: FloatDistribution(*range_, log=True) for name, range_ in RANGES.items()
}
SOBOL_SEED = 0  # the seed of the scrambling: every row of every table has the same sequence
POINT, SEED_ERRORS, DEVICE, REVISION = "point", "seed_errors_pct", "device", "revision"  # a trial's user attributes


@dataclass(frozen=True, slots=True)
class RowTrials:
    """The trials of one row, in the order of the points.

    points: the hyperparameters of each trial. errors_pct: its held-out top-1 error, the mean over seeds. seeds: how
    many these are. made: device and revision of each trial, as far as it says them.
    """

    row: Row
    points: tuple[Point, ...]
    errors_pct: tuple[float, ...]
    seeds: int
    made: tuple[dict[str, str], ...]

    @property
    def best(self) -> Point:
        """The point with the lowest error; the first of several equal ones."""
        return self.points[min(range(len(self.points)), key=lambda index: self.errors_pct[index])]

    def expected_best(self) -> list[float]:
        """The expected lowest held-out error in percent, for budgets from one trial to all of them."""
        return expected_best(self.errors_pct)


def sobol_points(number: int) -> list[dict[str, float]]:
    """The first points of a scrambled Sobol sequence over the search space, drawn by Optuna's sampler."""
    with quiet():
        study = optuna.create_study(
            sampler=optuna.samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=SOBOL_SEED)
        )
        middle = {name: (range_[0] * range_[1]) ** 0.5 for name, range_ in RANGES.items()}
        # The sampler draws the first point at random unless the study has a trial already.
        study.add_trial(create_trial(params=middle, distributions=DISTRIBUTIONS, value=0.0))
        return [dict(study.ask(DISTRIBUTIONS).params) for _ in range(number)]


def search_table(
    table: Table, trials: int, seeds: int, journal: Journal, trainer: Trainer, tell: Callable[[str], None]
) -> list[RowTrials] | None:
    """Trains every row at the first ``trials`` points, point by point, so that all rows always have equal budgets.

    seeds: how many seeds each trial has. A trial enters the journal when it is done; a trial of a killed process is
    made again. Several processes share the work. Returns the rows' trials, or None while other processes still work on
    some. Raises StudyError for a protocol of photos, before any data is opened, and for a journal whose trials have
    another number of seeds, or other code of a user's own.
    """
    rows = distinct_rows(table)
    for row in rows:
        held_out_protocol(row.cell.protocol)
    studies = {row.label: journal.study(row.cell.key) for row in rows}
    with journal.alone("points"):
        points = _points(list(studies.values()), trials)
        for row in rows:
            _refuse_other_trials(row, studies[row.label], seeds, journal)
        for study in studies.values():
            _note(study, seeds)
    for index, params in enumerate(points):
        for row in rows:
            _make(row, studies[row.label], index, params, seeds, journal, trainer, tell)
    found = [_trials_of(row, studies[row.label], trials, seeds) for row in rows]
    return None if any(len(one.points) < trials for one in found) else found


def distinct_rows(table: Table) -> list[Row]:
    """The rows of a table; of several rows with the same cell only the first."""
    return list({row.cell.key: row for row in reversed(table.rows)}.values())[::-1]


def _points(studies: Sequence[optuna.Study], number: int) -> list[dict[str, float]]:
    """The points in the journal, followed by new ones of the sequence.

    Points in the journal stay, even if another release of Optuna would draw others.
    """
    known = {}
    for study in studies:
        for trial in study.get_trials(deepcopy=False):
            known[trial.user_attrs[POINT]] = dict(trial.params)
    return [known.get(index, point) for index, point in enumerate(sobol_points(number))]


def _refuse_other_trials(row: Row, study: optuna.Study, seeds: int, journal: Journal) -> None:
    """Raises StudyError where a row has trials with another number of seeds, or with other code of a user's own."""
    refuse_other_code(row.cell, study, journal)
    for trial in study.get_trials(deepcopy=False):
        before = len(trial.user_attrs.get(SEED_ERRORS, range(seeds)))
        if before != seeds:
            raise StudyError(
                f"{journal.path} has trials of {before} seeds; search on with --seeds {before}, or name another "
                "--results"
            )


def _note(study: optuna.Study, seeds: int) -> None:
    """Notes in the study how points are drawn and how many seeds a trial has."""
    study.set_user_attr("seeds", seeds)
    arguments: dict[str, object] = {"sampler": "QMCSampler", "qmc_type": "sobol", "scramble": True, "seed": SOBOL_SEED}
    note(study, f"from-trial-{len(study.get_trials(deepcopy=False)):05d}", arguments)


def _make(
    row: Row,
    study: optuna.Study,
    index: int,
    params: dict[str, float],
    seeds: int,
    journal: Journal,
    trainer: Trainer,
    tell: Callable[[str], None],
) -> None:
    """Makes one trial of one row, unless it is done or another process works on it."""
    if _has(study, index) or (lease := journal.claim(f"{study.study_name}-{index}")) is None:
        return
    try:
        if _has(study, index):  # another process has made it meanwhile
            return
        point = Point.of(params)
        cell = replace(row.cell, protocol=point.under(held_out_protocol(row.cell.protocol)))
        errors = trainer.error_pct(cell, range(seeds))
        value = sum(errors) / len(errors)
        attributes = {POINT: index, SEED_ERRORS: errors, CODE: digests(row.cell)}
        attributes |= {DEVICE: trainer.machine, REVISION: provenance.revision()[0]}
        study.add_trial(create_trial(params=params, distributions=DISTRIBUTIONS, value=value, user_attrs=attributes))
        tell(f"{row.label}, trial {index}: {point}: held-out top-1 error {value:.2f} %")
    finally:
        lease.remove()


def _has(study: optuna.Study, index: int) -> bool:
    return any(trial.user_attrs.get(POINT) == index for trial in study.get_trials(deepcopy=False))


def _trials_of(row: Row, study: optuna.Study, number: int, seeds: int) -> RowTrials:
    """A row's trials at the first ``number`` points, in order."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    by_index = {trial.user_attrs[POINT]: trial for trial in complete}
    chosen = [by_index[index] for index in range(number) if index in by_index]
    points = tuple(Point.of(trial.params) for trial in chosen)
    made = tuple({name: str(trial.user_attrs.get(name, "")) for name in (DEVICE, REVISION)} for trial in chosen)
    return RowTrials(row, points, tuple(float(trial.values[0]) for trial in chosen), seeds, made)


def tuned_table(table: Table, found: Sequence[RowTrials]) -> Table:
    """The table with each row at its own best point, trained on all training images and evaluated by its protocol."""
    best = {one.row.cell.key: one.best for one in found}
    rows = tuple(
        replace(row, cell=replace(row.cell, protocol=best[row.cell.key].under(row.cell.protocol)), published=None)
        for row in table.rows
    )
    how = f"; every row at its own best of {len(found[0].points)} points"
    return replace(
        table,
        edition=tuned_edition(table),
        caption=f"{_shortened(table.caption, LONGEST_LABEL - len(how))}{how}",
        rows=rows,
        companions={},
    )


def tuned_edition(table: Table) -> str:
    """The edition of ``tuned_table``."""
    return f"searched-{table.paper_protocol.name}-{table.edition}"


def _shortened(text: str, longest: int) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def describe(found: Sequence[RowTrials]) -> str:
    """A line for each row with its best point and error."""
    return "\n".join(f"  {one.row.label:24} {one.best}: {min(one.errors_pct):.2f} %" for one in found)
