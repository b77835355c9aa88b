"""Figures of one capture, in the paper's style: class activations, spread over images, histograms, depth.

A figure draws a data frame. The CSV file beside it holds the same frame.
"""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from senet_lab.errors import StudyError
from senet_lab.excitations.frames import Captured, class_histograms, class_means, image_spread
from senet_lab.excitations.statistics import ALL, BINS
from senet_lab.records.gate_health import SATURATED
from senet_lab.report.picture import LINES, ONE_COLUMN, REFERENCE, SMALL, TWO_COLUMNS, draw
from senet_lab.study.names import nearest
from senet_lab.study.se import Gate

COLUMNS = 3
RIDGE = 1.6  # height of a panel's highest bin, in units of the distance between two ridges
DrawPanel = Callable[[Axes, str], None]


def write_figures(captured: Captured, root: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Writes the figures of these names (None: all) below ``root``/figures. Returns the paths of the files."""
    folder = figures_folder(root, captured.card.origin.is_demo)
    paths = []
    for name in names or list(FIGURES):
        paths += FIGURES[name](captured, folder / f"{captured.card.name}-{name}")
    return paths


def figures_folder(root: Path, is_demo: bool) -> Path:
    """The folder of the figures. is_demo: whether they show synthetic images or random weights."""
    return root / "figures" / ("demo" if is_demo else "excitations")


def activations(captured: Captured, stem: Path) -> list[Path]:
    """Mean gate of each chosen class and of all classes, by channel. A panel shows a block (CVPR figure 5, TPAMI 6)."""
    frame = class_means(captured)

    def panel(ax: Axes, block: str) -> None:
        part = frame[frame["block"] == block]
        for name, style in zip(
            (*captured.card.chosen, ALL), (*LINES[: len(captured.card.chosen)], REFERENCE), strict=True
        ):
            line = part[part["class_name"] == name]
            ax.plot(line["channel"], line["mean_gate"], label=name, **{**style, "marker": ""})
        _channels(ax, captured, block)
        _gate_axis(ax, captured, part["mean_gate"])

    return _by_block(captured, frame, panel, ("channel index", f"mean {_gate(captured)}"), stem)


def images(captured: Captured, stem: Path) -> list[Path]:
    """Mean and standard deviation over the images within two classes (TPAMI figure 7)."""
    frame = image_spread(captured)
    frame = frame.assign(
        low=frame["mean_gate"] - frame["standard_deviation"], high=frame["mean_gate"] + frame["standard_deviation"]
    )
    classes = list(dict.fromkeys(frame["class_name"]))

    def panel(ax: Axes, block: str) -> None:
        part = frame[frame["block"] == block]
        for name in classes:
            style = LINES[captured.card.chosen.index(name)]  # as in the other figures
            line = part[part["class_name"] == name]
            label = f"{name}, {_of_images(captured, name)}"
            ax.plot(line["channel"], line["mean_gate"], label=label, **{**style, "marker": ""})
            ax.fill_between(line["channel"], line["low"], line["high"], alpha=0.22, color=style["color"], linewidth=0.0)
        _channels(ax, captured, block)
        _gate_axis(ax, captured, pd.concat([part["low"], part["high"]]))

    return _by_block(captured, frame, panel, ("channel index", _gate(captured)), stem)


def histograms(captured: Captured, stem: Path) -> list[Path]:
    """Histograms of a block's gates over its channels and a class's images: a ridge for each class, a panel for each
    block.

    Heights are square roots of shares. Otherwise the bins of saturated gates would hide all others.
    """
    frame = class_histograms(captured)
    classes = [*captured.card.chosen, ALL]
    width = captured.card.bin_width

    def panel(ax: Axes, block: str) -> None:
        part = frame[frame["block"] == block]
        tallest = part["share"].max()
        for place, name in enumerate(classes):
            ridge = part[part["class_name"] == name]
            base = len(classes) - 1 - place
            color = REFERENCE["color"] if name == ALL else LINES[place]["color"]
            heights = base + RIDGE * (ridge["share"] / tallest) ** 0.5
            edges = [*ridge["gate"], ridge["gate"].iloc[-1] + width]
            ax.stairs(heights.tolist(), edges, baseline=base, fill=True, color=color, alpha=0.55, zorder=place)
            ax.stairs(heights.tolist(), edges, baseline=base, color=color, linewidth=0.7, zorder=place)
        ax.set_yticks(range(len(classes)), classes[::-1])
        ax.set_ylim(-0.05, len(classes) - 1 + 1.05 * RIDGE)
        ax.set_xlim(edges[0], edges[-1])
        ax.text(
            0.98, 0.98, f"highest bin {100 * tallest:.0f} %", transform=ax.transAxes, ha="right", va="top", fontsize=6
        )

    label = _gate(captured) + " (last bin: all above)" * (captured.card.gate is Gate.RELU)
    note = f"share of gates in bins of {width:g}, heights as square roots"
    return _by_block(captured, frame, panel, (label, ""), stem, note)


def depth(captured: Captured, stem: Path) -> list[Path]:
    """Class specificity and saturated gates of every block, from the first to the last."""
    frame = captured.blocks
    low, high = SATURATED[captured.card.gate]

    def picture(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        places = range(len(frame))
        if frame["specificity"].notna().any():
            upper.plot(places, frame["specificity"], label="measured", **LINES[3])
            upper.plot(places, frame["by_chance"], label="if classes did not matter", color="black", linestyle=":")
            upper.set_ylim(0, 1.02)
            upper.legend(frameon=False)
        else:
            upper.text(0.5, 0.5, "not measured: one image a class", ha="center", transform=upper.transAxes)
            upper.set_yticks([])
        upper.set_ylabel("between-class share\nof the gate's variance")
        lower.plot(places, 100 * frame["share_low"], label=f"below {low:g}", **LINES[0])
        lower.plot(places, 100 * frame["share_high"], label=f"from {high:g}", **LINES[3])
        lower.set_ylim(bottom=0)
        lower.set(ylabel="saturated gates, %", xlabel="block, by depth")
        lower.legend(frameon=False)
        step = -(-len(frame) // 18)
        lower.set_xticks(list(places)[::step], list(frame["block"])[::step], rotation=90)
        figure.suptitle(textwrap.fill(captured.card.heading.replace("\n", "; "), 62), fontsize=6)

    return draw(picture, (ONE_COLUMN, 4.6), stem, frame, SMALL)


def _by_block(
    captured: Captured,
    frame: pd.DataFrame,
    panel: DrawPanel,
    labels: tuple[str, str],
    stem: Path,
    note: str = "",
) -> list[Path]:
    """A figure with a panel for each block, up to three side by side. labels: of the x axis and the y axis.

    note: a line under the heading, in place of a legend.
    """
    blocks = captured.panels()
    columns = min(COLUMNS, len(blocks)) if len(blocks) != 4 else 2
    rows = -(-len(blocks) // columns)

    def picture(figure: Figure) -> None:
        axes = figure.subplots(rows, columns, squeeze=False, sharey=bool(note)).ravel().tolist()
        for place, (ax, block) in enumerate(zip(axes, blocks, strict=False)):
            panel(ax, block)
            ax.set_title(f"{block}{_resolution(captured, block)}")
            ax.set_ylabel(labels[1] if place % columns == 0 else "")
            ax.set_xlabel(labels[0] if place + columns >= len(blocks) else "")
        for ax in axes[len(blocks) :]:
            ax.remove()
        if not note:
            handles, names = axes[0].get_legend_handles_labels()
            figure.legend(
                handles, names, loc="outside lower center", ncols=min(5, len(names)), frameon=False, handlelength=3.2
            )
        figure.suptitle("\n".join(filter(None, (captured.card.heading, note))), fontsize=7)

    return draw(picture, (TWO_COLUMNS, 0.85 + 1.75 * rows), stem, frame, SMALL)


def _channels(ax: Axes, captured: Captured, block: str) -> None:
    """Sets the x axis to all channel indices of a block, though only some channels are drawn."""
    ax.set_xlim(0, captured.channels_of(block) - 1)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _gate_axis(ax: Axes, captured: Captured, drawn: "pd.Series[float]") -> None:
    """Sets the y axis so that it covers all values that the gate can take and all values that are drawn."""
    bins = BINS[captured.card.gate]
    low, high = bins.low, float(drawn.max()) if bins.overflow else bins.high
    room = 0.02 * (high - low)
    ax.set_ylim(min(low, float(drawn.min())) - room, max(high, float(drawn.max())) + room)


def _gate(captured: Captured) -> str:
    kind = captured.card.origin.non_linearity
    return "gate" if kind == "sigmoid" else f"gate ({kind})"


def _resolution(captured: Captured, block: str) -> str:
    size = captured.card.origin.stages.get(block.rpartition("_")[0])
    return "" if size is None else f" ({size} x {size})"


def _of_images(captured: Captured, name: str) -> str:
    number = captured.card.images_of[name]
    return "one image, no spread" if number == 1 else f"mean ± s.d. of {number:,} images"


FIGURES: dict[str, Callable[[Captured, Path], list[Path]]] = {
    "activations": activations,
    "images": images,
    "histograms": histograms,
    "depth": depth,
}
ALIASES = {"figure5": "activations", "figure6": "activations", "figure7": "images"}


def figure_names(names: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """The figures of these names or aliases, without repetition; all figures for no names.

    others: names that are known elsewhere. Raises StudyError, with the nearest name, for an unknown name.
    """
    known = [*FIGURES, *others]
    for name in names:
        if name not in known and name not in ALIASES:
            raise StudyError(f"no figure is called {name!r}; the nearest is {nearest(name, [*known, *ALIASES])!r}")
    return list(dict.fromkeys(ALIASES.get(name, name) for name in names)) or known
