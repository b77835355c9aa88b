"""Forest plots: each row's measured difference with its interval, and the published difference as a hollow mark."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from senet_lab.report.comparison import Comparison
from senet_lab.report.figure_data import differences
from senet_lab.report.picture import SMALL, draw, layout
from senet_lab.report.views import published_on, title_of

LINE, HEAD, FOOT = 0.2, 0.55, 0.95  # inches: height of a row, space above the first row, space below the last
GREY = "#767676"  # no decision; dark enough for small marks in print, light enough for a dark page


@dataclass(frozen=True, slots=True)
class Mark:
    """How a measured difference is drawn. square: a square with a dotted interval, for intervals over images alone."""

    color: str
    square: bool = False


VERDICTS = {
    "lower": Mark("#0072b2"),
    "higher": Mark("#d55e00"),
    "undetermined": Mark(GREY),
    "one seed: no test": Mark(GREY, square=True),
    "not run": Mark(GREY),
}
PUBLISHED = "#000000"
# Where published differences are drawn: how far the measured mark is above the middle of its row, and the published
# mark below it, as a part of the height of a row.
BESIDE = 0.17


def write_forest(comparison: Comparison, stem: Path) -> list[Path]:
    """Writes the forest plot of one table under one protocol and returns its paths; none where nothing is measured."""
    frame = differences(comparison)
    if frame.empty or frame["measured_points"].notna().sum() == 0:
        return []
    return _draw(frame, f"{title_of(comparison.view.paper)}\n{subtitle([comparison])}", [comparison], stem)


def write_forest_of_all(comparisons: Sequence[Comparison], stem: Path) -> list[Path]:
    """Writes one forest plot of the measured rows of these tables, and returns its paths; none where there is none."""
    frames = [(comparison, differences(comparison)) for comparison in comparisons]
    frames = [(one, frame[frame["measured_points"].notna()]) for one, frame in frames if not frame.empty]
    frames = [(one, frame) for one, frame in frames if not frame.empty]
    if not frames:
        return []
    drawn, frame = [one for one, _ in frames], pd.concat([frame for _, frame in frames], ignore_index=True)
    heading = f"The paper's tables: each row that was run, less its baseline\n{subtitle(drawn)}"
    return _draw(frame, heading, drawn, stem)


def subtitle(comparisons: Sequence[Comparison]) -> str:
    """What was measured on what, with which networks and protocol, and on what the published numbers are, in words."""
    view = comparisons[0].view
    networks = list(dict.fromkeys(name for comparison in comparisons for name in comparison.view.networks))
    shown = ", ".join(networks) if len(networks) < 3 else f"{len(networks)} networks"
    paper = f"; published on {', '.join(_papers(comparisons))}" if view.companion and _papers(comparisons) else ""
    protocols = view.name.replace("+", ", ")
    return f"measured on {view.datasets} with {shown}, protocol {protocols}{paper}"


def _draw(frame: pd.DataFrame, heading: str, comparisons: Sequence[Comparison], stem: Path) -> list[Path]:
    tables = list(dict.fromkeys(frame["table"]))
    places = _places(frame, tables)
    height = HEAD + FOOT + LINE * (max(places) + 1) + (0.6 if layout().one_column else 0.0)

    def plot(figure: Figure) -> None:
        ax = figure.subplots()
        plot_forest(frame, places, ax)
        ax.set_xlabel(axis_text(comparisons))
        if len(tables) > 1:
            for table in tables:
                first = min(p for p, t in zip(places, frame["table"], strict=True) if t == table)
                place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center"}
                ax.text(-0.01, first - 1, table, ha="right", weight="bold", **place)
                ax.text(0.01, first - 1, _baselines(frame[frame["table"] == table]), ha="left", color=GREY, **place)
        ax.set_ylim(max(places) + 0.7, min(places) - (1.7 if len(tables) > 1 else 0.7))
        figure.legend(
            handles=_legend(frame, comparisons),
            loc="outside lower center",
            ncols=1 if layout().one_column else 4,
            frameon=False,
            handletextpad=0.4,
            columnspacing=1.2,
        )
        figure.suptitle(_wrapped(heading), fontsize=8)

    return draw(plot, (layout().width, height), stem, frame, SMALL)


def _places(frame: pd.DataFrame, tables: Sequence[str]) -> list[int]:
    """The line of each row, from the top. Where there are several tables, each has a free line above it."""
    headed = len(tables) > 1
    return [index + (headed and tables.index(table) + 1) for index, table in enumerate(frame["table"])]


def plot_forest(frame: pd.DataFrame, places: Sequence[int], ax: Axes) -> Axes:
    """Draws one line for each row. frame: as from ``figure_data.differences``. places: the line of each of its rows."""
    beside = BESIDE if frame["published_points"].notna().any() else 0.0
    for place, row in zip(places, frame.itertuples(index=False), strict=True):
        if pd.notna(row.measured_points):
            mark = VERDICTS.get(str(row.verdict), Mark(GREY))
            drawn = ax.errorbar(
                row.measured_points,
                place - beside,
                xerr=row.half_width_95,
                color=mark.color,
                marker="s" if mark.square else "o",
                markersize=4,
                capsize=2,
                linewidth=1.2,
            )
            for bar in drawn.lines[2]:
                bar.set_linestyle(":" if mark.square else "-")
        if pd.notna(row.published_points):
            ax.plot(
                row.published_points, place + beside, marker="D", markersize=5, markerfacecolor="none", color=PUBLISHED
            )
    ax.axvline(0, color="black", linewidth=0.7, zorder=0)
    ax.grid(axis="x", linewidth=0.3)
    ax.set_axisbelow(True)
    ax.set_yticks(list(places), row_labels(frame))
    ax.tick_params(axis="y", length=0)
    return ax


def row_labels(frame: pd.DataFrame) -> list[str]:
    """The rows' names and numbers of seeds. frame: as from ``figure_data.differences``, of one or more tables.

    Where a table's row is a baseline of another and has one itself, each names its baseline.
    """
    rows = list(frame.itertuples(index=False))
    compared = {(row.table, row.row) for row in rows}
    chained = {row.table for row in rows if (row.table, row.baseline) in compared}
    labels = []
    for row in rows:
        name = f"{row.row} against {row.baseline}" if row.table in chained else row.row
        seeds = f"n = {row.seeds}" if row.seeds else row.verdict
        labels.append(f"{name}  ({seeds}{f', {row.failed_seeds} failed' if row.failed_seeds else ''})")
    return labels


def _baselines(frame: pd.DataFrame) -> str:
    """What the rows of a table are compared with; nothing where their names say it, or where there are several."""
    found = list(dict.fromkeys(frame["baseline"]))
    return f"less {found[0]}" if len(found) == 1 else ""


def axis_text(comparisons: Sequence[Comparison]) -> str:
    """The label of the x axis: which number the differences are of."""
    words = dict.fromkeys(one.view.measure.first.words for one in comparisons)
    return f"{', '.join(words)} less the baseline's, points"


def _legend(frame: pd.DataFrame, comparisons: Sequence[Comparison]) -> list[Line2D]:
    companions = any(one.view.companion for one in comparisons)
    published = f"published ({', '.join(_papers(comparisons))})" if companions else "published"
    said = {name: f"measured, {name}" if ":" in name else f"measured: {name}" for name in VERDICTS if name != "not run"}
    handles = []
    if frame["published_points"].notna().any():
        hollow: dict[str, Any] = {"marker": "D", "markersize": 5, "markerfacecolor": "none", "linestyle": "none"}
        handles.append(Line2D([], [], color=PUBLISHED, label=published, **hollow))
    handles += [
        Line2D(
            [],
            [],
            color=VERDICTS[verdict].color,
            marker="s" if VERDICTS[verdict].square else "o",
            linestyle=":" if VERDICTS[verdict].square else "-",
            markersize=4,
            linewidth=1.2,
            label=text,
        )
        for verdict, text in said.items()
        if verdict in set(frame["verdict"])
    ]
    return handles


def _papers(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """The data sets of the published differences among these."""
    return published_on(
        one.view for one in comparisons if any(row.baseline and row.published_points is not None for row in one.rows)
    )


def _wrapped(text: str) -> str:
    width = 50 if layout().one_column else 110
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())
