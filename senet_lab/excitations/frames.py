"""Captures as data frames, read from the files that git keeps (``excitations.files``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from senet_lab.errors import StudyError
from senet_lab.excitations.card import Card, card_from
from senet_lab.excitations.chosen_blocks import evenly, panels
from senet_lab.excitations.files import DEMO
from senet_lab.excitations.statistics import ALL
from senet_lab.records.checked_files import read_json, read_numbers
from senet_lab.records.reading import is_folder, list_folder

MEND = "make it again with senet-lab excitations"
SAMPLED = 50  # how many channels of a block a figure shows, as in the paper
BLOCK_NUMBERS = (
    "channels", "mean", "deviation", "class_deviation", "specificity", "by_chance", "share_low", "share_high",
    "share_near_one", "share_constant", "pattern",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """One capture: its card, and its CSV files as frames with the same columns."""

    card: Card
    means: pd.DataFrame
    deviations: pd.DataFrame
    histograms: pd.DataFrame
    blocks: pd.DataFrame

    def block_names(self) -> list[str]:
        """The names of all blocks, in forward order."""
        return [str(name) for name in self.blocks["block"]]

    def panels(self) -> list[str]:
        """The blocks that figures show."""
        return panels(self.block_names())

    def channels_of(self, block: str) -> int:
        """The number of channels of a block."""
        return int(self.blocks.set_index("block").loc[block, "channels"])


def load_capture(folder: Path) -> Captured:
    """One capture from its folder. Raises StudyError, which names the file, where one is missing or damaged."""
    try:
        card = card_from(read_json(folder / "card.json", MEND))
        if card.name != folder.name:
            raise ValueError(f"it is of {card.name!r}")
        return Captured(
            card,
            means=_frame(folder / "means.csv", ["channel", *card.chosen, ALL]),
            deviations=_frame(folder / "deviations.csv", ["channel", *card.chosen]),
            histograms=_frame(folder / "histograms.csv", ["gate", *card.chosen, ALL]),
            blocks=_frame(folder / "blocks.csv", BLOCK_NUMBERS, may_be_unknown=True),
        )
    except FileNotFoundError as error:
        raise StudyError(f"{error.filename} is missing; {MEND}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{folder / 'card.json'} is no card ({' '.join(str(error).split())[:200]}); {MEND}") from None


def _frame(path: Path, wanted: Sequence[str], may_be_unknown: bool = False) -> pd.DataFrame:
    """A CSV file with the columns ``block`` and ``wanted``; all but ``block`` must hold numbers.

    may_be_unknown: whether "nan" counts as a number.
    """
    lines = read_numbers(path, "block", wanted, MEND, may_be_unknown)
    return pd.DataFrame({name: _column(name, [line[name] for line in lines]) for name in lines[0]})


def _column(name: str, texts: list[str]) -> "list[str] | list[int] | list[float]":
    if name == "block":
        return texts
    return [int(text) for text in texts] if all(map(str.isdigit, texts)) else [float(text) for text in texts]


def capture_folders(root: Path) -> list[Path]:
    """The folders of all captures below a results folder; those that git keeps come first. Raises StudyError for a
    folder that cannot be listed."""
    place = root / "excitations"
    kept = [folder for folder in list_folder(place) or [] if folder.name != DEMO]
    return [folder for folder in (*kept, *(list_folder(place / DEMO) or [])) if is_folder(folder)]


def class_means(captured: Captured, channels: int = SAMPLED) -> pd.DataFrame:
    """The columns block, channel, class_name, mean_gate, for the blocks that figures show.

    channels: how many of a block's channels (numbered from 0) are sampled, evenly. class_name: each chosen class, and
    all classes.
    """
    return _sampled(captured.means, captured.panels(), channels).melt(
        id_vars=["block", "channel"],
        value_vars=[*captured.card.chosen, ALL],
        var_name="class_name",
        value_name="mean_gate",
    )


def image_spread(captured: Captured, channels: int = SAMPLED) -> pd.DataFrame:
    """As ``class_means``, with a column standard_deviation: over the images of the class.

    class_name: the first and the third chosen class, which are goldfish and plane in the paper (TPAMI figure 7).
    """
    classes = list(dict.fromkeys(evenly(captured.card.chosen[:3], 2)))
    keys, blocks = ["block", "channel"], captured.panels()
    parts = [
        _sampled(frame, blocks, channels).melt(id_vars=keys, value_vars=classes, var_name="class_name", value_name=name)
        for frame, name in ((captured.means, "mean_gate"), (captured.deviations, "standard_deviation"))
    ]
    return parts[0].merge(parts[1], on=[*keys, "class_name"], sort=False)


def _sampled(frame: pd.DataFrame, blocks: Sequence[str], channels: int) -> pd.DataFrame:
    parts = [frame[frame["block"] == block] for block in blocks]
    return pd.concat([part.iloc[evenly(range(len(part)), channels)] for part in parts], ignore_index=True)


def class_histograms(captured: Captured) -> pd.DataFrame:
    """The columns block, gate (lower edge of the bin), class_name, share (0 to 1), for the blocks that figures show.

    class_name: each chosen class, and all classes.
    """
    wanted = captured.histograms[captured.histograms["block"].isin(captured.panels())]
    return wanted.melt(
        id_vars=["block", "gate"], value_vars=[*captured.card.chosen, ALL], var_name="class_name", value_name="share"
    )
