"""The data frames that the figures of a view draw. Each is written as CSV beside its figure."""

from collections.abc import Iterable
from dataclasses import asdict

import pandas as pd

from senet_lab.records.curves import curve_of
from senet_lab.records.record import Record
from senet_lab.report.comparison import ComparedRow, Comparison
from senet_lab.report.made_by import difference_made_by, made_by, trained_by
from senet_lab.report.views import View, dataset_name
from senet_lab.study.se import SESpec
from senet_lab.study.table import Row

MADE = ("protocol", "dataset", "split", "selection", "device", "revision")  # columns: what a run's numbers are of
FEWEST_EPOCHS = 5  # no curve is drawn for shorter runs, since a few points do not show one


def errors(view: View) -> pd.DataFrame:
    """A line for each finished run, in the table's order.

    Columns: row, seed, the number that rows are compared by, in percent (top1_error_pct or ap_pct), in_mean: whether
    the row's mean contains the run, as in the table (``RowSummary.compared``), and MADE.
    """
    runs = {(record.run.cell.key, record.run.seed): record for record in view.records}
    lines = [
        (summary.row.label, seed, value, seed in summary.compared, *_made(runs[summary.row.cell.key, seed]).values())
        for summary in view.rows
        for seed, value in sorted(summary.values_pct.items())
    ]
    return pd.DataFrame(lines, columns=["row", "seed", view.measure.first.field, "in_mean", *MADE])


def failed_runs(view: View) -> dict[str, int]:
    """How many runs of each row failed, by its label: they are in no mean, which then may flatter the row."""
    return {summary.row.label: len(summary.failed) for summary in view.rows}


def _made(record: Record) -> dict[str, str]:
    """The values of MADE for a run."""
    return trained_by(record.run.cell.protocol) | made_by([record])


def curves(view: View) -> pd.DataFrame:
    """A line for each run in a row's mean and each of its epochs; empty where no run has FEWEST_EPOCHS epochs.

    Columns: those of the curve files, row, seed, and MADE. Raises StudyError for a damaged curve.
    """
    lines = []
    for row, record in _in_means(view):
        curve = curve_of(record, view.loaded.store)
        if len(curve) >= FEWEST_EPOCHS:
            of_run = {"row": row.label, "seed": record.run.seed, **_made(record)}
            lines += [asdict(point) | of_run for point in curve]
    return pd.DataFrame(lines)


def _in_means(view: View) -> Iterable[tuple[Row, Record]]:
    """Each row with the finished runs that its mean is over (``RowSummary.compared``), by seed."""
    for summary in view.rows:
        runs = {r.run.seed: r for r in view.records if r.run.cell.key == summary.row.cell.key}
        yield from ((summary.row, runs[seed]) for seed in sorted(summary.compared))


def se_row(view: View) -> Row | None:
    """The SE row that is drawn against its plain baseline: the paper's block where the table has it, else the best."""
    rows = [s for s in view.rows if s.row.cell.se and s.first and view.table.baseline_of(s.row).cell.se is None]
    if not rows:
        return None
    default = [s.row for s in rows if s.row.cell.se in (SESpec(), SESpec(bias=True))]
    better = -1 if view.measure.higher_is_better else 1
    return default[0] if default else min(rows, key=lambda s: better * s.first.value if s.first else 100.0).row


def plain_against_se(view: View) -> pd.DataFrame:
    """The ``curves`` of the SE row and its baseline; empty where one of the two has no curve."""
    row, frame = se_row(view), curves(view)
    if row is None or frame.empty:
        return pd.DataFrame()
    found = frame[frame["row"].isin([view.table.baseline_of(row).label, row.label])]
    return found if found["row"].nunique() == 2 else pd.DataFrame()


def cost(view: View) -> pd.DataFrame:
    """A line for each finished run that is in its row's mean; empty where fewer than two rows have one.

    Columns: row, seed, parameters_m and multiply_adds_m (millions), the number that rows are compared by, in percent,
    and MADE.
    """
    lines = [
        (row.label, r.run.seed, r.trainable / 1e6, r.multiply_adds / 1e6, r.first, *_made(r).values())
        for row, r in _in_means(view)
    ]
    columns = ["row", "seed", "parameters_m", "multiply_adds_m", view.measure.first.field, *MADE]
    frame = pd.DataFrame(lines, columns=columns)
    return frame if frame["row"].nunique() > 1 else frame.iloc[:0]


def _difference_made(comparison: Comparison, row: ComparedRow) -> dict[str, str]:
    made = trained_by(row.row.cell.protocol) | difference_made_by(comparison.view, row)
    return {name: value for name, value in made.items() if name != "dataset"}


def differences(comparison: Comparison) -> pd.DataFrame:
    """A line for each row that has a measured or a published difference to its baseline.

    Columns: table, row, baseline, published_points, published_dataset, measured_points, dataset, half_width_95,
    interval_over, seeds, failed_seeds, verdict, protocol, split, selection, device, revision.
    """
    measured_on = comparison.view.datasets
    published_on = dataset_name(comparison.view.paper.paper_protocol)
    lines = [
        {
            "table": comparison.view.paper.name,
            "row": row.row.label,
            "baseline": row.baseline.label,
            "published_points": row.published_points,
            "published_dataset": None if row.published_points is None else published_on,
            "measured_points": row.difference.value if row.difference else None,
            "dataset": measured_on if row.difference else None,
            "half_width_95": row.difference.half_width if row.difference else None,
            "interval_over": row.difference.interval_over if row.difference else None,
            "seeds": row.difference.seeds if row.difference else 0,
            "failed_seeds": len(row.summary.failed),
            "verdict": row.direction or "not run",
            **(_difference_made(comparison, row) if row.difference else {}),
        }
        for row in comparison.rows
        if row.baseline is not None and (row.difference or row.published_points is not None)
    ]
    return pd.DataFrame(lines).round(4)
