"""Figures of one table under one protocol: training curves, and error by row. The same records give the same bytes."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from senet_lab.records.curves import curve_of
from senet_lab.report.load import COMMITTED
from senet_lab.report.picture import STYLE, draw
from senet_lab.report.tables import Measured, title_of
from senet_lab.study.table import Table

WIDTH, HEIGHT = 5.5, 3.4  # inches


def write_figures(table: Table, view: Measured, folder: Path) -> list[Path]:
    """Writes curves and errors as PDF, SVG and PNG with the CSV behind each; returns the paths, if any run finished."""
    stem = f"{table.slug}-{view.name}"
    if view.loaded.source != COMMITTED:
        stem += f"-{Path(view.loaded.source).name}"
    paths = []
    for name, frame, plot in (("errors", errors(view), plot_errors), ("curves", curves(view), plot_curves)):
        if not frame.empty:
            paths += _write(frame, plot, _title(table, view), folder / f"{stem}-{name}")
    return paths


def errors(view: Measured) -> pd.DataFrame:
    """One line a run: row, seed, top1_error_pct, in the table's order."""
    by_key = {key: part for key, part in view.loaded.frame().groupby("key")}
    lines = [
        (row.label, int(seed), float(error))
        for row in view.table.rows
        if row.cell.key in by_key
        for seed, error in by_key[row.cell.key].sort_values("seed")[["seed", "top1_error_pct"]].dropna().to_numpy()
    ]
    return pd.DataFrame(lines, columns=["row", "seed", "top1_error_pct"])


def curves(view: Measured) -> pd.DataFrame:
    """One line a run and epoch: the columns of the curve files, row and seed; empty where there are none.

    Raises StudyError for a curve that is not whole.
    """
    lines = []
    for row in view.table.rows:
        for record in view.loaded.records:
            if record.run.cell.key == row.cell.key:
                curve = curve_of(record, view.loaded.store)
                lines += [asdict(point) | {"row": row.label, "seed": record.run.seed} for point in curve]
    return pd.DataFrame(lines)


def plot_errors(frame: pd.DataFrame, ax: Axes) -> Axes:
    """A point a run and the mean over seeds. frame: as ``errors``."""
    sns.stripplot(frame, x="row", y="top1_error_pct", color="#0173b2", jitter=False, size=5, alpha=0.7, ax=ax)
    means = frame.groupby("row", sort=False)["top1_error_pct"].mean()
    ax.plot(range(len(means)), means.to_numpy(), color="black", marker="_", markersize=18, linestyle="none")
    ax.set(xlabel="", ylabel="top-1 error, % (final epoch)")
    if frame["row"].nunique() > 6:
        ax.tick_params(axis="x", labelrotation=30)
    return ax


def plot_curves(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Training (dashed) and evaluation error by epoch, one colour a row, a band over seeds. frame: as ``curves``."""
    long = frame.melt(
        id_vars=["row", "seed", "epoch"],
        value_vars=["train_top1_error_pct", "test_top1_error_pct"],
        var_name="images",
        value_name="error",
    )
    long["images"] = long["images"].map({"train_top1_error_pct": "training", "test_top1_error_pct": "evaluation"})
    sns.lineplot(
        long,
        x="epoch",
        y="error",
        hue="row",
        style="images",
        style_order=["evaluation", "training"],
        palette="colorblind",
        errorbar=("sd", 1) if frame["seed"].nunique() > 1 else None,
        ax=ax,
    )
    ax.set(xlabel="epoch", ylabel="top-1 error, %")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    sns.move_legend(ax, "center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return ax


def _title(table: Table, view: Measured) -> str:
    synthetic = "SYNTHETIC images" if view.synthetic else view.protocols[0].data_name
    seeds = {seed for row in view.rows for seed in row.seeds}
    return f"{title_of(table)}\n{view.name} ({synthetic}), {len(seeds)} seed(s), {view.source} records"


def _write(frame: pd.DataFrame, plot: Callable[[pd.DataFrame, Axes], Axes], title: str, stem: Path) -> list[Path]:
    def picture(figure: Figure) -> None:
        plot(frame, figure.subplots()).set_title(title)

    return draw(picture, (WIDTH, HEIGHT), stem, frame, STYLE)
