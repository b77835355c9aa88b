"""What the records of a table say, row by row: mean, interval, and the paired difference to the baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from senet_lab.report.load import Loaded
from senet_lab.stats.difference import CONFIDENCE, Difference
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

    difference: row minus baseline in points of top-1 error, image by image over the seeds that both have
    (``paired``); None where the two stand under different protocols or were evaluated on different images.
    """

    row: Row
    top1: Mean | None
    top5: Mean | None
    difference: Difference | None
    seeds: tuple[int, ...]
    paired: tuple[int, ...]
    failed: tuple[int, ...]
    train_seconds: float | None  # mean of one run


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
    """One summary a row of a table that stands under one protocol, from the records of one source."""
    frame = loaded.frame()
    finished = {key: part.set_index("seed") for key, part in frame[~frame["failed"]].groupby("key")}
    failed = {key: tuple(sorted(part["seed"])) for key, part in frame[frame["failed"]].groupby("key")}
    return [_summarise(table, row, finished, failed, loaded) for row in table.rows]


def _summarise(
    table: Table, row: Row, finished: dict[str, pd.DataFrame], failed: dict[str, tuple[int, ...]], loaded: Loaded
) -> RowSummary:
    runs = finished.get(row.cell.key)
    baseline = table.baseline_of(row)
    if runs is None:
        return RowSummary(
            row=row,
            top1=None,
            top5=None,
            difference=None,
            seeds=(),
            paired=(),
            failed=failed.get(row.cell.key, ()),
            train_seconds=None,
        )
    compared = baseline is not row
    return RowSummary(
        row=row,
        top1=mean_of(runs["top1_error_pct"].tolist()),
        top5=mean_of(runs["top5_error_pct"].tolist()),
        difference=loaded.paired_runs.difference(row.cell, baseline.cell) if compared else None,
        seeds=tuple(sorted(runs.index)),
        paired=loaded.paired_runs.common_seeds((row.cell, baseline.cell)) if compared else (),
        failed=failed.get(row.cell.key, ()),
        train_seconds=float(runs["train_seconds"].mean()),
    )
