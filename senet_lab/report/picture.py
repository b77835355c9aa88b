"""How figures look, and how one is drawn. The same data gives the same bytes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from senet_lab.records.files import replace_file
from senet_lab.report.figure_files import DPI, FORMATS, save
from senet_lab.report.figure_savers import save_soon

ONE_COLUMN, TWO_COLUMNS = 3.3, 7.0  # inches: width of one and of both columns of a two-column page
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a label may have dollar signs
    "svg.hashsalt": "senet_lab",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # TrueType, embedded
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
}
SMALL: dict[Any, Any] = STYLE | {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
}
# Lines differ without colour too: in luminance, dashes and marker.
LINES: tuple[dict[str, Any], ...] = (
    {"color": "#d55e00", "linestyle": "-", "marker": "o"},
    {"color": "#56b4e9", "linestyle": "--", "marker": "s"},
    {"color": "#009e73", "linestyle": "-.", "marker": "^"},
    {"color": "#332288", "linestyle": ":", "marker": "D"},
    {"color": "#cc79a7", "linestyle": (0, (5, 1)), "marker": "v"},
    {"color": "#e69f00", "linestyle": (0, (3, 1, 1, 1)), "marker": "P"},
)
REFERENCE: dict[str, Any] = {"color": "black", "linestyle": "-", "marker": "", "linewidth": 1.8, "alpha": 0.75}


@dataclass(frozen=True, slots=True)
class Layout:
    """How figures are set. titled: with a heading; a paper with captions needs none. one_column: one column wide."""

    titled: bool = True
    one_column: bool = False

    @property
    def width(self) -> float:
        """The figures' width in inches."""
        return ONE_COLUMN if self.one_column else TWO_COLUMNS

    @property
    def suffix(self) -> str:
        """The end of the files' names, so that figures of one layout do not replace those of another."""
        return "-one-column" * self.one_column + "-untitled" * (not self.titled)


AS_COMMITTED = Layout()
_layout: ContextVar[Layout] = ContextVar("_layout", default=AS_COMMITTED)


def legend_grid(names: Sequence[str]) -> tuple[int, int]:
    """The columns and lines of a legend below a figure, so that it is no wider than the figure."""
    characters = 46 if layout().one_column else 100
    columns = max(1, min(4, characters // (max(map(len, names)) + 8)))
    return columns, -(-len(names) // columns)


def with_seeds(row: str, seeds: int, failed: int = 0) -> str:
    """A row's name in a legend. failed: how many further runs failed."""
    return f"{row} ({runs_text(seeds, failed)})"


def runs_text(seeds: int, failed: int = 0) -> str:
    """How many runs a mean in a figure is over, and how many further ones failed."""
    return f"n = {seeds}, {failed} failed" if failed else f"n = {seeds}"


def layout() -> Layout:
    """The layout of the figures that are drawn now."""
    return _layout.get()


@contextlib.contextmanager
def laid_out(chosen: Layout) -> Iterator[None]:
    """Draws figures in this layout until the block ends."""
    token = _layout.set(chosen)
    try:
        yield
    finally:
        _layout.reset(token)


def draw(
    plot: Callable[[Figure], object],
    size: tuple[float, float],
    stem: Path,
    frame: pd.DataFrame,
    style: Mapping[Any, Any],
) -> list[Path]:
    """Draws a new figure, saves it, and returns the paths.

    plot: draws on the figure. size: width and height in inches. stem: the path without a suffix. frame: the data that
    is drawn, for the CSV file. style: matplotlib's settings.
    """
    with mpl.rc_context(dict(style)):
        figure = Figure(figsize=size, layout="constrained", dpi=DPI)  # the PNG's DPI: texts get the same width
        plot(figure)
        if not layout().titled:
            figure.suptitle("").set_in_layout(False)
        stem = stem.with_name(stem.name + layout().suffix)
        for ax in figure.axes:
            sns.despine(ax=ax)
    save_soon(save, figure, stem, dict(style), FORMATS)
    data = stem.with_name(f"{stem.name}.csv")
    replace_file(data, frame.to_csv(index=False, lineterminator="\n").encode())
    return [*(stem.with_name(f"{stem.name}.{suffix}") for suffix in FORMATS), data]
