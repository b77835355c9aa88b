"""What the records of a table say, row by row: the mean errors with their intervals, and the seeds behind them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from senet_lab.records.record import Record, Status
from senet_lab.report.load import Loaded
from senet_lab.stats.difference import CONFIDENCE
from senet_lab.study.table import Row, Table


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over n seeds with the half-width of its 95 % interval (Student's t); None where n is 1."""

    value: float
    half_width: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSummary:
    """The measured side of one row under one protocol, final epoch. None where no seed finished.

    seeds: all that finished. compared: those that the means are over: the ones that the baseline has too, on the same
    images, so that a row's error and its difference are of the same runs; all of them for a baseline, and for a row
    that shares none with it.
    """

    row: Row
    top1: Mean | None
    top5: Mean | None
    seeds: tuple[int, ...]
    compared: tuple[int, ...]
    failed: tuple[int, ...]

    @property
    def left_out(self) -> tuple[int, ...]:
        """The seeds that finished and are in no number."""
        return tuple(sorted(set(self.seeds) - set(self.compared)))


def mean_of(values: Sequence[float]) -> Mean | None:
    """The mean with its interval; None for no values."""
    n = len(values)
    if n == 0:
        return None
    centre = math.fsum(values) / n
    if n == 1:
        return Mean(centre, None, 1)
    spread = math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (n - 1))
    return Mean(centre, float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * spread / math.sqrt(n), n)


def summarise(table: Table, loaded: Loaded) -> list[RowSummary]:
    """One summary a row of a table, from the records of one source."""
    by_key: dict[str, list[Record]] = {}
    for record in loaded.records:
        by_key.setdefault(record.run.cell.key, []).append(record)
    return [_summarise(row, table.baseline_of(row), by_key.get(row.cell.key, []), loaded) for row in table.rows]


def _summarise(row: Row, baseline: Row, records: Sequence[Record], loaded: Loaded) -> RowSummary:
    finished = {r.run.seed: r for r in sorted(records, key=_seed) if r.status is not Status.FAILED}
    paired = loaded.paired_runs.common_seeds((row.cell, baseline.cell)) if baseline is not row else ()
    compared = [finished[seed] for seed in paired] or list(finished.values())
    return RowSummary(
        row=row,
        top1=mean_of([r.top1_error_pct for r in compared if r.top1_error_pct is not None]),
        top5=mean_of([r.top5_error_pct for r in compared if r.top5_error_pct is not None]),
        seeds=tuple(finished),
        compared=tuple(map(_seed, compared)),
        failed=tuple(sorted(_seed(r) for r in records if r.status is Status.FAILED)),
    )


def _seed(record: Record) -> int:
    return record.run.seed
