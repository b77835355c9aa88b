"""Figures of one capture: class activations, spread over images, histograms, depth. A figure draws a frame and returns
nothing; the CSV beside each holds what it draws."""

import difflib
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from senet_lab.errors import StudyError
from senet_lab.excitations.files import ALL, saturation_text
from senet_lab.excitations.frames import Atlas, class_histograms, class_means, heading, image_spread, panels
from senet_lab.report.picture import LINES, ONE_COLUMN, REFERENCE, SMALL, TWO_COLUMNS, draw
from senet_lab.study.se import Gate

LIMITS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}  # of the axis; a ReLU gate has none
COLUMNS = 3


def write_atlas_figures(atlas: Atlas, root: Path, names: list[str] | None = None) -> list[Path]:
    """Writes the figures of these names (None: all) below ``root``/figures; returns their paths."""
    folder = root / "figures" / ("demo" if atlas.passing else "excitations")
    paths = []
    for name in names or list(FIGURES):
        paths += FIGURES[name](atlas, folder / f"{atlas.name}-{name}")
    return paths


def activations(atlas: Atlas, stem: Path) -> list[Path]:
    """Mean gate of each chosen class and of all classes, by channel; a panel a block (CVPR figure 5, TPAMI 6)."""
    frame = class_means(atlas)

    def panel(part: pd.DataFrame, ax: Axes) -> None:
        for index, (name, style) in enumerate([(ALL, REFERENCE), *zip(atlas.chosen, LINES, strict=False)]):
            line = part[part["class_name"] == name]
            ax.plot(line["position"], line["mean_gate"], label=name, markevery=(2 * index % 9, 9), **style)

    return _by_block(atlas, frame, panel, "mean gate", stem)


def images(atlas: Atlas, stem: Path) -> list[Path]:
    """Mean and standard deviation over the images within two classes (TPAMI figure 7)."""
    frame = image_spread(atlas)
    classes = list(dict.fromkeys(frame["class_name"]))

    def panel(part: pd.DataFrame, ax: Axes) -> None:
        for name, style, hatch in zip(classes, (LINES[0], LINES[3]), ("", "////"), strict=False):
            line = part[part["class_name"] == name]
            low, high = line["mean_gate"] - line["standard_deviation"], line["mean_gate"] + line["standard_deviation"]
            ax.plot(
                line["position"], line["mean_gate"], label=f"{name}, {_of_images(atlas, name)}", markevery=7, **style
            )
            ax.fill_between(line["position"], low, high, alpha=0.22, color=style["color"], hatch=hatch, linewidth=0.0)

    return _by_block(atlas, frame, panel, "gate", stem)


def _of_images(atlas: Atlas, name: str) -> str:
    number = int(atlas.card["images_of"][name])
    return "one image, no spread" if number == 1 else f"mean ± s.d. of {number:,} images"


def _by_block(
    atlas: Atlas, frame: pd.DataFrame, panel: Callable[[pd.DataFrame, Axes], None], label: str, stem: Path
) -> list[Path]:
    """A panel a block, up to three side by side, with one legend below."""
    blocks = panels(atlas.all_blocks())
    columns = min(COLUMNS, len(blocks))
    rows = -(-len(blocks) // columns)

    def picture(figure: Figure) -> None:
        axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel().tolist()
        for ax, block in zip(axes, blocks, strict=False):
            part = frame[frame["block"] == block]
            panel(part, ax)
            total = int(atlas.blocks.set_index("block").loc[block, "channels"])
            shown = part["position"].nunique()
            of = f"{shown} of {total} channels" if shown < total else f"all {total} channels"
            ax.set_title(f"{block} ({of})")
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            if str(atlas.card["gate"]) in LIMITS:
                low, high = LIMITS[str(atlas.card["gate"])]
                ax.set_ylim(low - 0.02, high + 0.02)
            place = axes.index(ax)
            ax.set_ylabel(label if place % columns == 0 else "")
            ax.set_xlabel("channel, evenly sampled" if place + columns >= len(blocks) else "")
        for ax in axes[len(blocks) :]:
            ax.remove()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False, handlelength=3.2
        )
        figure.suptitle(heading(atlas), fontsize=8)

    return draw(picture, (TWO_COLUMNS, 0.85 + 1.85 * rows), stem, frame, SMALL)


def histograms(atlas: Atlas, stem: Path) -> list[Path]:
    """How the gates of a block are spread over all its channels and a class's images: a grid of blocks and classes."""
    frame = class_histograms(atlas)
    blocks, classes = panels(atlas.all_blocks()), list(dict.fromkeys(frame["class_name"]))
    width = float(atlas.card["bin_width"])

    def picture(figure: Figure) -> None:
        axes = figure.subplots(len(blocks), len(classes), squeeze=False, sharex=True, sharey="row")
        for row, block in enumerate(blocks):
            for column, name in enumerate(classes):
                ax = axes[row, column]
                part = frame[(frame["block"] == block) & (frame["class_name"] == name)]
                style = REFERENCE if name == ALL else LINES[column % len(LINES)]
                edges = [*part["gate"], part["gate"].iloc[-1] + width]
                ax.stairs((100 * part["share"]).tolist(), edges, fill=True, color=style["color"])
                ax.set_ylim(0, 105 * frame.loc[frame["block"] == block, "share"].max())  # of the whole row
                if row == 0:
                    ax.set_title(name)
                if column == 0:
                    ax.set_ylabel(f"{block}\ngates, %")
                if row == len(blocks) - 1:
                    ax.set_xlabel("gate (last bin: all above)" if atlas.card["gate"] == "relu" else "gate")
        figure.suptitle(heading(atlas) + f"\nshare of gates in bins of {width:g}", fontsize=8)

    return draw(picture, (TWO_COLUMNS, 1.0 + 1.15 * len(blocks)), stem, frame, SMALL)


def depth(atlas: Atlas, stem: Path) -> list[Path]:
    """Class specificity and saturated gates by block, from the first to the last."""
    frame = atlas.blocks
    below, above = saturation_text(Gate(str(atlas.card["gate"])))

    def picture(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        places = range(len(frame))
        if frame["specificity"].notna().any():
            upper.plot(places, frame["specificity"], label="measured", **LINES[3])
            upper.plot(places, frame["by_chance"], label="if classes did not matter", color="black", linestyle=":")
            upper.set_ylim(0, 1)
            upper.legend(frameon=False)
        else:
            upper.text(0.5, 0.5, "not measured: one image a class", ha="center", transform=upper.transAxes)
        upper.set_ylabel("between-class share\nof the gate's variance")
        lower.plot(places, 100 * frame["share_low"], label=below, **LINES[0])
        lower.plot(places, 100 * frame["share_high"], label=above, **LINES[3])
        lower.set_ylim(bottom=0)
        lower.set(ylabel="saturated gates, %", xlabel="block, by depth")
        lower.legend(frameon=False)
        step = -(-len(frame) // 18)
        lower.set_xticks(list(places)[::step], list(frame["block"])[::step], rotation=90)
        figure.suptitle(textwrap.fill(heading(atlas).replace("\n", "; "), 56), fontsize=7)

    return draw(picture, (ONE_COLUMN, 4.6), stem, frame, SMALL)


FIGURES: dict[str, Callable[[Atlas, Path], list[Path]]] = {
    "activations": activations,
    "images": images,
    "histograms": histograms,
    "depth": depth,
}
ALIASES = {"figure5": "activations", "figure6": "activations", "figure7": "images"}


def figure_names(names: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """The figures of these names, all where there are none. Raises StudyError with the nearest name."""
    known = [*FIGURES, *others]
    for name in names:
        if name not in known and name not in ALIASES:
            near = difflib.get_close_matches(name, [*known, *ALIASES], n=1, cutoff=0)[0]
            raise StudyError(f"no figure is called {name!r}; the nearest is {near!r}")
    return list(dict.fromkeys(ALIASES.get(name, name) for name in names)) or known
