"""Excitations as data frames, from the files that git keeps: see ``records.atlas``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from senet_lab.errors import StudyError
from senet_lab.excitations.files import ALL
from senet_lab.records.checked_files import number, read_csv, read_json

FILES = ("means", "deviations", "histograms", "blocks")
PANELS = 6
MEND = "make it again with senet-lab excitations"
CARD: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "synthetic": bool,
    "weights": str,
    "chosen": list,
    "network": str,
    "protocol": str,
    "seed": (int, type(None)),
    "revision": str,
    "dataset": str,
    "split": str,
    "images": int,
    "classes": int,
    "fewest_images_a_class": int,
    "most_images_a_class": int,
    "over_space": bool,
}  # the entries that figures and statements read


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """One capture. card: what was looked at; the frames have the columns of their CSV files."""

    card: dict[str, Any]
    means: pd.DataFrame
    deviations: pd.DataFrame
    histograms: pd.DataFrame
    blocks: pd.DataFrame

    @property
    def name(self) -> str:
        """Of its files."""
        return str(self.card["name"])

    @property
    def passing(self) -> bool:
        """Whether git does not keep it: synthetic images or random weights."""
        return bool(self.card["synthetic"]) or self.card["weights"] == "random"

    @property
    def chosen(self) -> list[str]:
        """The classes that figures show, at most four."""
        return [str(name) for name in self.card["chosen"]]

    def all_blocks(self) -> list[str]:
        """In forward order."""
        return [str(name) for name in self.blocks["block"]]


def load_atlas(folder: Path) -> Atlas:
    """One capture from its folder. Raises StudyError where a file is missing or damaged."""
    try:
        card = read_json(folder / "card.json", MEND)
        _check_card(card, folder)
        frames = {name: _frame(folder / f"{name}.csv", may_be_unknown=name == "blocks") for name in FILES}
    except FileNotFoundError as error:
        raise StudyError(f"{error.filename} is missing; {MEND}") from None
    atlas = Atlas(card, **frames)
    for name in FILES:
        wanted = {"block"} | (set() if name == "blocks" else set(atlas.chosen))
        if not wanted <= set(frames[name]) or frames[name].empty:
            raise StudyError(f"{folder / name}.csv has no lines, or lacks a column of {sorted(wanted)}; {MEND}")
    return atlas


def _check_card(card: dict[str, Any], folder: Path) -> None:
    """Raises StudyError for a card that lacks an entry, or whose name is not its folder's: files are named by it."""
    for entry, kinds in CARD.items():
        if not isinstance(card.get(entry), kinds):
            raise StudyError(f"{folder / 'card.json'}: its {entry!r} is {card.get(entry)!r}; {MEND}")
    if card["name"] != folder.name:
        raise StudyError(f"{folder / 'card.json'} is of {card['name']!r}, not of {folder.name!r}; {MEND}")
    if not all(isinstance(name, str) for name in card["chosen"]):
        raise StudyError(f"{folder / 'card.json'}: its 'chosen' are no names; {MEND}")


def _frame(path: Path, may_be_unknown: bool) -> pd.DataFrame:
    """A CSV file whose columns are numbers, but for ``block``. may_be_unknown: nan is a number of it."""
    lines = read_csv(path, None, MEND)
    for index, line in enumerate(lines, start=2):
        for name, text in line.items():
            try:
                if name != "block" and not (may_be_unknown and text == "nan"):
                    number(text)
            except ValueError as error:
                raise StudyError(f"{path}, line {index}, {name}: {error}; {MEND}") from None
    return pd.DataFrame({name: _column(name, [line[name] for line in lines]) for name in (lines or [{}])[0]})


def _column(name: str, texts: list[str]) -> "list[str] | list[int] | list[float]":
    if name == "block":
        return texts
    return [int(text) for text in texts] if all(map(str.isdigit, texts)) else [float(text) for text in texts]


def atlas_folders(root: Path) -> list[Path]:
    """The captures below a results folder, those that git keeps first."""
    place = root / "excitations"
    cards = [*sorted(place.glob("*/card.json")), *sorted(place.glob("demo/*/card.json"))]
    return [card.parent for card in cards]


def panels(blocks: list[str]) -> list[str]:
    """The last block of each stage, and all of the last stage, as in the paper's figure.

    Of a last stage with many blocks, or of blocks without stages, some six evenly spread ones.
    """
    stages: dict[str, list[str]] = {}
    for block in blocks:
        stages.setdefault(block.rpartition("_")[0], []).append(block)
    if len(stages) == len(blocks) or not all(block.startswith("SE_") for block in blocks):
        return evenly(blocks, PANELS)
    *early, last = stages.values()
    return [*(evenly([stage[-1] for stage in early], PANELS - 1)), *evenly(last, 3)]


def evenly(items: list[Any], number: int) -> list[Any]:
    """So many items, or all of fewer, evenly spread from the first to the last; of one, the last."""
    if len(items) <= number:
        return list(items)
    if number == 1:
        return items[-1:]
    return [items[round(i * (len(items) - 1) / (number - 1))] for i in range(number)]


def heading(atlas: Atlas) -> str:
    """Which network, weights, protocol, data set, number of images, seed and revision: two lines."""
    card = atlas.card
    loud = "SYNTHETIC images, " if card["synthetic"] else ""
    loud += "RANDOM WEIGHTS, " if card["weights"] == "random" else ""
    seed = "" if card["seed"] is None else f", seed {card['seed']}"
    few, most = card["fewest_images_a_class"], card["most_images_a_class"]
    a_class = f"{few}" if few == most else f"{few} to {most}"
    over = "; gates averaged over space" if card["over_space"] else ""
    return (
        f"{loud}{card['network']}; protocol {card['protocol']}{seed}; revision {str(card['revision'])[:10]}\n"
        f"{card['dataset']}, {card['split']} split: {card['images']:,} images of {card['classes']} classes, "
        f"{a_class} each{over}"
    )


def class_means(atlas: Atlas, channels: int = 50) -> pd.DataFrame:
    """block, position (from 1), channel, class_name, mean_gate: evenly sampled channels of the panels' blocks, for
    the chosen classes and all together."""
    wanted = _sampled(atlas.means, panels(atlas.all_blocks()), channels)
    long = wanted.melt(
        id_vars=["block", "position", "channel"],
        value_vars=[*atlas.chosen, ALL],
        var_name="class_name",
        value_name="mean_gate",
    )
    return long


def image_spread(atlas: Atlas, channels: int = 50) -> pd.DataFrame:
    """As ``class_means`` for the first and the third chosen class (goldfish and plane in the paper), with the standard
    deviation over the images of the class."""
    classes = list(dict.fromkeys(evenly(atlas.chosen[:3], 2)))
    blocks = panels(atlas.all_blocks())
    keys = ["block", "position", "channel"]
    parts = [
        _sampled(frame, blocks, channels).melt(id_vars=keys, value_vars=classes, var_name="class_name", value_name=name)
        for frame, name in ((atlas.means, "mean_gate"), (atlas.deviations, "standard_deviation"))
    ]
    return parts[0].merge(parts[1], on=[*keys, "class_name"], sort=False)


def _sampled(frame: pd.DataFrame, blocks: list[str], channels: int) -> pd.DataFrame:
    parts = []
    for block in blocks:
        part = frame[frame["block"] == block]
        lines = part.iloc[evenly(list(range(len(part))), channels)]
        parts.append(lines.assign(position=range(1, len(lines) + 1)))
    return pd.concat(parts, ignore_index=True)


def class_histograms(atlas: Atlas) -> pd.DataFrame:
    """block, gate (lower edge), class_name, share: of the panels' blocks, for the chosen classes."""
    wanted = atlas.histograms[atlas.histograms["block"].isin(panels(atlas.all_blocks()))]
    return wanted.melt(
        id_vars=["block", "gate"], value_vars=[*atlas.chosen, ALL], var_name="class_name", value_name="share"
    )
