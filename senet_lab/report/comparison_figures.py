"""Figures of one table under one protocol: plain against SE by epoch, and error against size and cost."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from senet_lab.records.record import Status
from senet_lab.report.figures import curves, plot_curves
from senet_lab.report.picture import SMALL, TWO_COLUMNS, draw
from senet_lab.report.tables import Measured, title_of
from senet_lab.study.table import Row, Table

COMPARISONS = ("curves", "cost")
MARKERS = "osD^vP*X<>hp"
# From dark to light, so that the order of the rows survives without colour.
COLOURS = ("#332288", "#d55e00", "#009e73", "#882255", "#0072b2", "#cc79a7", "#e69f00", "#56b4e9", "#999999")


def write_comparison(table: Table, view: Measured, root: Path, names: list[str]) -> list[Path]:
    """Writes the figures of these names ("curves", "cost") of a table that have something to show."""
    folder = root / "figures" / ("demo" if view.synthetic else "")
    stem = folder / f"{table.slug}-{view.name}"
    paths = []
    if "curves" in names:
        frame = plain_against_se(view)
        if not frame.empty:
            paths += _draw_curves(table, view, frame, stem.with_name(f"{stem.name}-plain-se"))
    if "cost" in names:
        frame = cost(view)
        if not frame.empty:
            paths += _draw_cost(table, view, frame, stem.with_name(f"{stem.name}-cost"))
    return paths


def se_row(view: Measured) -> Row | None:
    """The row that stands for SE against its plain baseline: the paper's block where it has one, else the best."""
    rows = [s for s in view.rows if s.row.cell.se and s.top1 and view.table.baseline_of(s.row).cell.se is None]
    if not rows:
        return None
    first = rows[0].row.cell.se
    default = [s.row for s in rows if s.row.cell.se and s.row.cell.se == type(s.row.cell.se)(bias=s.row.cell.se.bias)]
    if first is not None and default:
        return default[0]
    return min(rows, key=lambda s: s.top1.value if s.top1 else 100.0).row


def plain_against_se(view: Measured) -> pd.DataFrame:
    """As ``figures.curves``, of that row and its baseline; empty where one of the two has no curve."""
    row, frame = se_row(view), curves(view)
    if row is None or frame.empty:
        return pd.DataFrame()
    labels = [view.table.baseline_of(row).label, row.label]
    found = frame[frame["row"].isin(labels)]
    return found if found["row"].nunique() == 2 else pd.DataFrame()


def cost(view: Measured) -> pd.DataFrame:
    """One line a finished run: row, seed, parameters_m, multiply_adds_m, top1_error_pct, in the table's order; empty
    where fewer than two rows have one."""
    lines = [
        (row.label, r.run.seed, r.trainable / 1e6, r.multiply_adds / 1e6, r.top1_error_pct)
        for row in view.table.rows
        for r in view.loaded.records
        if r.run.cell.key == row.cell.key and r.status is Status.FINISHED
    ]
    frame = pd.DataFrame(lines, columns=["row", "seed", "parameters_m", "multiply_adds_m", "top1_error_pct"])
    return frame if frame["row"].nunique() > 1 else frame.iloc[:0]


def _heading(table: Table, view: Measured) -> str:
    data = "SYNTHETIC images" if view.synthetic else ", ".join(dict.fromkeys(p.data_name for p in view.protocols))
    networks = ", ".join(dict.fromkeys(row.cell.backbone for row in view.table.rows))
    return f"{title_of(table)}\n{networks}; protocol {view.name} ({data})"


def _draw_curves(table: Table, view: Measured, frame: pd.DataFrame, stem: Path) -> list[Path]:
    seeds = frame["seed"].nunique()
    band = f"; band: ± one standard deviation over {seeds} seeds" if seeds > 1 else "; one seed, no band"

    def picture(figure: Figure) -> None:
        ax = plot_curves(frame, figure.subplots())
        if frame["epoch"].nunique() <= 10:  # too few points to be seen as lines alone
            for line in ax.lines:
                line.set_marker("o")
        ax.set_title(_heading(table, view) + band)

    return draw(picture, (TWO_COLUMNS, 3.2), stem, frame, SMALL)


def _draw_cost(table: Table, view: Measured, frame: pd.DataFrame, stem: Path) -> list[Path]:
    def picture(figure: Figure) -> None:
        axes = figure.subplots(1, 2, sharey=True)
        labels = (("parameters_m", "parameters, M"), ("multiply_adds_m", "multiply-adds, M"))
        for index, (row, part) in enumerate(frame.groupby("row", sort=False)):
            for ax, (column, _) in zip(axes, labels, strict=True):
                style = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
                ax.errorbar(
                    part[column].iloc[0],
                    part["top1_error_pct"].mean(),
                    yerr=part["top1_error_pct"].std() if len(part) > 1 else None,
                    linestyle="none",
                    markersize=6,
                    capsize=2,
                    label=str(row),
                    **style,
                )
        for ax, (_, label) in zip(axes, labels, strict=True):
            ax.set_xlabel(label)
            ax.margins(0.12)
            ax.grid(linewidth=0.3)
        split = view.protocols[0].evaluation_split
        axes[0].set_ylabel(f"{split} top-1 error, % (final epoch)")
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(6, len(names)), frameon=False)
        bars = "; bars: standard deviation over seeds" if frame["seed"].nunique() > 1 else "; one seed, no bars"
        figure.suptitle(_heading(table, view) + bars, fontsize=8)

    return draw(picture, (TWO_COLUMNS, 3.3), stem, frame, SMALL)
