"""Figures of one table under one protocol. The same records give the same bytes."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from senet_lab.report.comparison import Comparison
from senet_lab.report.figure_data import curves, errors, failed_runs, plain_against_se
from senet_lab.report.forest import write_forest
from senet_lab.report.picture import SMALL, draw, layout, legend_grid, runs_text, with_seeds
from senet_lab.report.row_styles import row_styles
from senet_lab.report.views import View, title_of
from senet_lab.stats.mean import mean_of
from senet_lab.study.measure import stepping_images

HEIGHT = 2.9  # inches
FEWEST_SEEDS = 3  # with fewer no interval of a mean is drawn
LINES_OF_CURVES = ("evaluation", "training (augmented)")
Styles = dict[str, dict[str, Any]]


def write_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Writes the figures of a view as PDF, SVG and PNG, each with its data as CSV, and returns the paths.

    They are the forest plot, the errors and, where a run has five epochs, the curves.
    """
    view = comparison.view
    stem = figure_stem(view, folder)
    paths = write_forest(comparison, stem.with_name(f"{stem.name}-forest"))
    paths += _write_errors(view, errors(view), stem.with_name(f"{stem.name}-errors"))
    return paths + write_curves(view, curves(view), stem.with_name(f"{stem.name}-curves"))


def figure_stem(view: View, folder: Path) -> Path:
    """The path with which the names of a view's figures begin. Another results folder adds its own name."""
    own = f"-{view.loaded.store.root.name}" if view.own and not view.synthetic else ""
    return folder / f"{view.paper.slug}-{view.name}{own}"


def figure_heading(view: View, more: str = "") -> str:
    """A heading with table, networks, data set and protocol. more: what the marks mean."""
    width = 50 if layout().one_column else 115
    protocols = view.name.replace("+", ", ")
    lines = (title_of(view.paper), f"{', '.join(view.networks)} on {view.datasets}, protocol {protocols}{more}")
    return "\n".join(textwrap.fill(line, width) for line in lines)


def _write_errors(view: View, frame: pd.DataFrame, stem: Path) -> list[Path]:
    if frame.empty:
        return []
    several = bool(frame.groupby("row")["in_mean"].sum().max() > 1)
    more = "; filled: the mean" if several else "; one seed a row: no interval"
    if frame.groupby("row")["in_mean"].sum().max() >= FEWEST_SEEDS:
        more += f", with its 95 % interval over the row's own seeds from {FEWEST_SEEDS} seeds on"
    if not frame["in_mean"].all():
        more += "; crosses: seeds that the baseline lacks, in no mean"

    def plot(figure: Figure) -> None:
        ax, images = figure.subplots(), stepping_images(view.protocols[0])
        plot_errors(frame, row_styles(view.table), ax, images, failed_runs(view))
        figure.axes[0].set_ylabel(f"{view.protocols[0].evaluation_split} {view.measure.first.words}, %\n(final epoch)")
        figure.suptitle(figure_heading(view, more), fontsize=8)

    return draw(plot, (layout().width, HEIGHT), stem, frame, SMALL)


def plot_errors(
    frame: pd.DataFrame, styles: Styles, ax: Axes, images: int | None, failed: Mapping[str, int] | None = None
) -> Axes:
    """Draws a hollow point for each run, a cross if it is in no mean, and beside them the mean with its 95 % interval.

    With two seeds no interval is drawn: by chance it is often the shortest of the figure, and it says the least.

    frame: as from ``figure_data.errors``. images: how many images each error is measured on; None for APs. failed: how
    many runs of each row failed.
    """
    lost = failed or {}
    labels = list(dict.fromkeys(frame["row"]))
    for place, label in enumerate(labels):
        of_row = frame[frame["row"] == label]
        values, rest = (of_row.loc[of_row["in_mean"] == inside, frame.columns[2]].tolist() for inside in (True, False))
        mean = mean_of(values, images)
        assert mean is not None
        style = styles[label]
        ax.plot([place - 0.12] * len(rest), rest, "x", color=style["color"], markersize=4)
        ax.plot([place - 0.12] * len(values), values, linestyle="none", markerfacecolor="none", markersize=4, **style)
        width = mean.half_width if mean.n >= FEWEST_SEEDS else None
        ax.errorbar(place + 0.12, mean.value, yerr=width, capsize=3, markersize=5, linestyle="none", **style)
    counts = frame.groupby("row", sort=False)["in_mean"].sum()
    ax.set_xticks(range(len(labels)), [f"{label}\n{runs_text(counts[label], lost.get(label, 0))}" for label in labels])
    ax.set_xlim(-0.6, len(labels) - 0.4)
    ax.grid(axis="y", linewidth=0.3)
    if len(labels) * max(map(len, labels)) > (28 if layout().one_column else 70):
        ax.tick_params(axis="x", labelrotation=40)
        for text in ax.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    return ax


def write_curves(view: View, frame: pd.DataFrame, stem: Path) -> list[Path]:
    """Writes a figure of training and evaluation errors by epoch, and returns its files; none for an empty frame."""
    if frame.empty:
        return []
    seeds = frame["seed"].nunique()
    more = "; band: ± one standard deviation over seeds" if seeds > 1 else "; one seed, no band"
    lost = failed_runs(view)
    names = [with_seeds(str(row), part["seed"].nunique(), lost[str(row)]) for row, part in frame.groupby("row")]
    columns, lines = legend_grid([*names, *LINES_OF_CURVES])

    def plot(figure: Figure) -> None:
        plot_curves(frame, row_styles(view.table), figure.subplots(), lost)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
        figure.suptitle(figure_heading(view, more), fontsize=8)

    return draw(plot, (layout().width, HEIGHT + 0.16 * lines), stem, frame, SMALL)


def write_plain_against_se(view: View, folder: Path) -> list[Path]:
    """Writes the curves of only the plain network and the SE network, as the paper's figures of training curves do."""
    stem = figure_stem(view, folder)
    return write_curves(view, plain_against_se(view), stem.with_name(f"{stem.name}-plain-se"))


def plot_curves(frame: pd.DataFrame, styles: Styles, ax: Axes, failed: Mapping[str, int] | None = None) -> Axes:
    """Draws training (dashed) and evaluation error by epoch, one colour for each row, with a band over seeds.

    Rows with a colour that an earlier one has differ from it by a marker every few epochs. frame: as from
    ``figure_data.curves``. failed: how many runs of each row failed.
    """
    for label, part in frame.groupby("row", sort=False):
        style = styles[str(label)]
        colour = style["color"]
        fill = style.get("fillstyle", "full")
        marks = {} if fill == "full" else {"marker": "o", "fillstyle": fill, "markersize": 4, "markevery": 0.2}
        for column, dashes in (("test_top1_error_pct", "-"), ("train_top1_error_pct", "--")):
            by_epoch = part.groupby("epoch")[column]
            mean, spread = by_epoch.mean(), by_epoch.std().fillna(0.0)
            name = with_seeds(str(label), part["seed"].nunique(), (failed or {}).get(str(label), 0))
            ax.plot(
                mean.index,
                mean,
                color=colour,
                linestyle=dashes,
                linewidth=1.0,
                label=name if dashes == "-" else None,
                **marks,
            )
            if (spread > 0).any():
                ax.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    for dashes, name in zip(("-", "--"), LINES_OF_CURVES, strict=True):
        ax.plot([], [], color="black", linestyle=dashes, label=name)
    ax.set(xlabel="epoch", ylabel="top-1 error, %")
    ax.set_xlim(1, frame["epoch"].max())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(linewidth=0.3)
    return ax
