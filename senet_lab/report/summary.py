"""Summarises the records of a table row by row: means with their intervals, and the seeds behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from senet_lab.records.record import Record, Status
from senet_lab.report.load import Loaded
from senet_lab.stats.mean import Mean, mean_of
from senet_lab.study.measure import stepping_images
from senet_lab.study.table import Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSummary:
    """The measured numbers of one row under one protocol, at the final epoch.

    first, second: the means of the two numbers of ``study.measure``: top-1 and top-5 error, or AP and AP at an overlap
    of 0.5; None where no seed finished. seeds: the seeds that finished. compared: the seeds that the means are over.
    These are the seeds that the baseline has too, on the same images, so that a row's mean and its difference come from
    the same runs. For a baseline, and for a row that shares no seed with it, they are all seeds that finished.
    values_pct: the first number of each finished seed, in percent. failed: the seeds that failed.
    """

    row: Row
    first: Mean | None
    second: Mean | None
    seeds: tuple[int, ...]
    compared: tuple[int, ...]
    values_pct: Mapping[int, float]
    failed: tuple[int, ...]

    @property
    def left_out(self) -> tuple[int, ...]:
        """The seeds that finished but enter no mean."""
        return tuple(sorted(set(self.seeds) - set(self.compared)))


def summarise(table: Table, loaded: Loaded) -> list[RowSummary]:
    """One summary for each row of a table, from the records of one source."""
    by_key: dict[str, list[Record]] = {}
    for record in loaded.records:
        by_key.setdefault(record.run.cell.key, []).append(record)
    return [_summarise(row, table.baseline_of(row), by_key.get(row.cell.key, []), loaded) for row in table.rows]


def _summarise(row: Row, baseline: Row, records: Sequence[Record], loaded: Loaded) -> RowSummary:
    finished = {r.run.seed: r for r in sorted(records, key=_seed) if r.status is not Status.FAILED}
    paired = loaded.paired_runs.common_seeds((row.cell, baseline.cell)) if baseline is not row else ()
    compared = [finished[seed] for seed in paired] or list(finished.values())
    images = stepping_images(row.cell.protocol)
    return RowSummary(
        row=row,
        first=mean_of([r.first for r in compared if r.first is not None], images),
        second=mean_of([r.second for r in compared if r.second is not None], images),
        seeds=tuple(finished),
        compared=tuple(map(_seed, compared)),
        values_pct={seed: r.first for seed, r in finished.items() if r.first is not None},
        failed=tuple(sorted(_seed(r) for r in records if r.status is Status.FAILED)),
    )


def _seed(record: Record) -> int:
    return record.run.seed
