"""What the figures of a view draw, as data frames; each is written as CSV beside its figure."""

from dataclasses import asdict

import pandas as pd

from senet_lab.records.curves import curve_of
from senet_lab.records.record import Status
from senet_lab.report.comparison import Comparison
from senet_lab.report.views import View
from senet_lab.study.se import SESpec
from senet_lab.study.table import Row

FEWEST_EPOCHS = 5  # of a curve; two or three points are no curve


def errors(view: View) -> pd.DataFrame:
    """One line a finished run: row, seed, and what rows are compared by (such as ap_pct), in the table's order."""
    lines = [
        (row.label, record.run.seed, record.first)
        for row in view.table.rows
        for record in sorted(view.records, key=lambda record: record.run.seed)
        if record.run.cell.key == row.cell.key and record.first is not None
    ]
    return pd.DataFrame(lines, columns=["row", "seed", view.measure.first.field])


def curves(view: View) -> pd.DataFrame:
    """One line a run and epoch: the columns of the curve files, row and seed; empty where no run has five epochs.

    Raises StudyError for a curve that is not whole.
    """
    lines = []
    for row in view.table.rows:
        for record in view.records:
            if record.run.cell.key == row.cell.key:
                curve = curve_of(record, view.loaded.store)
                if len(curve) >= FEWEST_EPOCHS:
                    lines += [asdict(point) | {"row": row.label, "seed": record.run.seed} for point in curve]
    return pd.DataFrame(lines)


def se_row(view: View) -> Row | None:
    """The row that stands for SE against its plain baseline: the paper's block where it has one, else the best."""
    rows = [s for s in view.rows if s.row.cell.se and s.first and view.table.baseline_of(s.row).cell.se is None]
    if not rows:
        return None
    default = [s.row for s in rows if s.row.cell.se in (SESpec(), SESpec(bias=True))]
    better = -1 if view.measure.higher_is_better else 1
    return default[0] if default else min(rows, key=lambda s: better * s.first.value if s.first else 100.0).row


def plain_against_se(view: View) -> pd.DataFrame:
    """As ``curves``, of that row and its baseline; empty where one of the two has no curve."""
    row, frame = se_row(view), curves(view)
    if row is None or frame.empty:
        return pd.DataFrame()
    found = frame[frame["row"].isin([view.table.baseline_of(row).label, row.label])]
    return found if found["row"].nunique() == 2 else pd.DataFrame()


def cost(view: View) -> pd.DataFrame:
    """One line a finished run: row, seed, parameters_m, multiply_adds_m, and as ``errors``; empty
    where fewer than two rows have one."""
    lines = [
        (row.label, r.run.seed, r.trainable / 1e6, r.multiply_adds / 1e6, r.first)
        for row in view.table.rows
        for r in view.records
        if r.run.cell.key == row.cell.key and r.status is Status.FINISHED
    ]
    frame = pd.DataFrame(lines, columns=["row", "seed", "parameters_m", "multiply_adds_m", view.measure.first.field])
    return frame if frame["row"].nunique() > 1 else frame.iloc[:0]


def differences(comparison: Comparison) -> pd.DataFrame:
    """One line for each row that has a baseline and a measured or a published difference to it: table, row, baseline,
    published_points, measured_points, half_width_95, seeds, verdict."""
    lines = [
        {
            "table": comparison.view.paper.name,
            "row": row.row.label,
            "baseline": row.baseline.label,
            "published_points": row.published_points,
            "measured_points": row.difference.value if row.difference else None,
            "half_width_95": row.difference.half_width if row.difference else None,
            "seeds": row.difference.seeds if row.difference else 0,
            "verdict": row.direction or "not run",
        }
        for row in comparison.rows
        if row.baseline is not None and (row.difference or row.published_points is not None)
    ]
    return pd.DataFrame(lines).round(4)
