"""Figures of the error against the size of a network: its parameters and multiply-adds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from senet_lab.report.figure_data import cost, failed_runs
from senet_lab.report.figures import Styles, figure_heading, figure_stem
from senet_lab.report.picture import SMALL, draw, layout, legend_grid, with_seeds
from senet_lab.report.row_styles import row_styles
from senet_lab.report.views import View
from senet_lab.stats.mean import mean_of
from senet_lab.study.measure import stepping_images

AXES = (("parameters_m", "parameters, M"), ("multiply_adds_m", "multiply-adds, M"))
LEAST_SPAN = 0.25  # least span of an axis, as a part of the largest value, so that almost equal costs look equal


def write_cost(view: View, folder: Path) -> list[Path]:
    """Writes the figure of a view and returns its files; none where fewer than two rows have a finished run."""
    frame = cost(view)
    if frame.empty:
        return []
    several = bool(frame.groupby("row")["seed"].count().max() > 1)
    more = "; bars: 95 % interval over seeds" if several else "; one seed a row: no interval"
    narrow = layout().one_column
    lost = failed_runs(view)
    columns, lines = legend_grid(
        [with_seeds(str(row), len(part), lost[str(row)]) for row, part in frame.groupby("row")]
    )

    def plot(figure: Figure) -> None:
        axes = figure.subplots(2, 1, squeeze=False) if narrow else figure.subplots(1, 2, sharey=True, squeeze=False)
        for ax, (column, label) in zip(axes.ravel().tolist(), AXES, strict=True):
            plot_cost(frame, column, row_styles(view.table), ax, stepping_images(view.protocols[0]), lost)
            ax.set_xlabel(label)
            ax.set_ylabel(
                f"{view.protocols[0].evaluation_split} {view.measure.first.words}, %"
                if narrow or ax is axes[0, 0]
                else ""
            )
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)
        figure.suptitle(figure_heading(view, more), fontsize=8)

    stem = figure_stem(view, folder)
    height = (4.3 if narrow else 2.7) + 0.2 * lines
    return draw(plot, (layout().width, height), stem.with_name(f"{stem.name}-cost"), frame, SMALL)


def plot_cost(
    frame: pd.DataFrame,
    column: str,
    styles: Styles,
    ax: Axes,
    images: int | None,
    failed: Mapping[str, int] | None = None,
) -> Axes:
    """Draws the mean error of each row with its interval against one column of costs.

    frame: as from ``figure_data.cost``. images: how many images each error is measured on; None for APs. failed: how
    many runs of each row failed.
    """
    for label, part in frame.groupby("row", sort=False):
        mean = mean_of(part[part.columns[4]].tolist(), images)
        assert mean is not None
        ax.errorbar(
            part[column].iloc[0],
            mean.value,
            yerr=mean.half_width,
            linestyle="none",
            markersize=5,
            capsize=2,
            label=with_seeds(str(label), mean.n, (failed or {}).get(str(label), 0)),
            **styles[str(label)],
        )
    ax.set_xlim(*limits(frame[column].tolist()))
    ax.grid(linewidth=0.3)
    return ax


def limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis around these values, with a margin and a span of at least LEAST_SPAN."""
    low, high = min(values), max(values)
    span = max(high - low, LEAST_SPAN * high)
    middle = (low + high) / 2
    return max(0.0, middle - 0.58 * span), middle + 0.58 * span
