"""The paper's statements about excitations by depth (CVPR section 6.5, TPAMI section 7.2), as numbers of one capture.

The thresholds are this project's: the paper shows curves and names no thresholds. Whether a statement holds in the
captured network says nothing about another network or data set.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from senet_lab.excitations.chosen_blocks import ChosenBlocks, choose_blocks
from senet_lab.excitations.frames import Captured
from senet_lab.records.files import replace_file
from senet_lab.study.se import Gate

NEARLY_COINCIDE = 0.05  # in units of the gate, which is between 0 and 1
TWICE = 2.0
HARDLY_ANY = 0.05  # share of the variance; a ratio of shares never divides by less than this
MOST = 0.5
SIMILAR = 0.9  # correlation
UNIFORM = 0.05  # in units of the gate
OF_ANY_SCALE = ("between-class share", "correlation")  # measures that do not depend on the gate's range


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the paper: the blocks and the measure by which it was judged, the value, and the threshold.

    holds: None where the value is NaN, or where the threshold is of a sigmoid's gates and the network has others.
    """

    says: str
    blocks: str
    measure: str
    value: float
    threshold: str
    holds: bool | None

    def line(self) -> str:
        """The statement in one line, for the user."""
        unknown = "not measured" if pd.isna(self.value) else "not judged"
        word = {True: "holds here", False: "does not hold here", None: unknown}[self.holds]
        return f"{word:18}  {self.says} [{self.blocks}] {self.measure}: {self.value:.3f}, holds if {self.threshold}"


@dataclass(frozen=True, slots=True, eq=False)
class BlockNumbers:
    """The numbers of blocks.csv, averaged over some blocks."""

    blocks: pd.DataFrame  # by name

    def mean(self, names: Sequence[str], column: str) -> float:
        """The mean of one column over these blocks."""
        return float(self.blocks.loc[list(names), column].mean())

    def specificity(self, names: Sequence[str]) -> float:
        """Between-class share of the variance beyond chance: 0 if classes do not matter, 1 if nothing else matters.

        Chance is subtracted, because with few images in a class most of the share is chance. A block whose gates never
        vary has a share of 0. NaN where nothing was measured.
        """
        blocks = self.blocks.loc[list(names)]
        shares = (blocks["specificity"] - blocks["by_chance"]) / (1 - blocks["by_chance"])
        return float(shares.mask(blocks["share_constant"] == 1, 0.0 * blocks["by_chance"]).mean(skipna=False))


def statements(captured: Captured) -> list[Statement]:
    """The paper's statements, each judged at the blocks of this network that stand for the paper's blocks."""
    chosen, numbers = choose_blocks(captured.block_names()), BlockNumbers(captured.blocks.set_index("block"))
    found = [*_early_and_later(chosen, numbers), *_of_the_last_stage(chosen, numbers)]
    if captured.card.gate is Gate.SIGMOID:
        return found
    return [one if one.measure.startswith(OF_ANY_SCALE) else replace(one, holds=None) for one in found]


def _early_and_later(chosen: ChosenBlocks, numbers: BlockNumbers) -> list[Statement]:
    specific, early = numbers.specificity(chosen.later), numbers.specificity(chosen.early)
    return [
        _judge(
            "early: classes nearly coincide",
            chosen.early,
            "standard deviation of the class means, mean over channels",
            numbers.mean(chosen.early, "class_deviation"),
            f"< {NEARLY_COINCIDE:g}",
            lambda value: value < NEARLY_COINCIDE,
        ),
        _judge(
            "later: channels are class-specific",
            [*chosen.later, "against", *chosen.early],
            f"between-class share of the variance beyond chance, {specific:.3f} against {early:.3f}, ratio",
            specific / max(early, HARDLY_ANY),
            f">= {TWICE:g}",
            lambda value: value >= TWICE,
        ),
    ]


def _of_the_last_stage(chosen: ChosenBlocks, numbers: BlockNumbers) -> list[Statement]:
    last = chosen.last
    return [
        _judge(
            "middle of the last stage: most gates near one",
            chosen.middle_of_last,
            "share of gates from 0.9 on",
            numbers.mean(chosen.middle_of_last, "share_near_one"),
            f">= {MOST:g}",
            lambda value: value >= MOST,
        ),
        _judge(
            "last block: one pattern for all classes but for its scale",
            last,
            "correlation over channels of a class's means with all classes'",
            numbers.mean(last, "pattern"),
            f">= {SIMILAR:g}",
            lambda value: value >= SIMILAR,
        ),
        _judge(
            "last block saturated",
            last,
            "share of saturated gates",
            numbers.mean(last, "share_low") + numbers.mean(last, "share_high"),
            f">= {MOST:g}",
            lambda value: value >= MOST,
        ),
        _judge(
            "last block nearly uniform",
            last,
            "standard deviation over channels and images",
            numbers.mean(last, "deviation"),
            f"< {UNIFORM:g}",
            lambda value: value < UNIFORM,
        ),
    ]


def _judge(
    says: str, blocks: Sequence[str], measure: str, value: float, threshold: str, holds: Callable[[float], bool]
) -> Statement:
    found = None if pd.isna(value) else holds(value)
    return Statement(says, " ".join(blocks), measure, value, threshold, found)


def write_statements(captured: Captured, folder: Path) -> tuple[list[Statement], Path]:
    """Writes the statements as statements.csv into the capture's folder. Returns them and the file's path."""
    found = statements(captured)
    text = io.StringIO()
    pd.DataFrame([asdict(one) for one in found]).to_csv(text, index=False, lineterminator="\n", float_format="%.5f")
    path = folder / "statements.csv"
    replace_file(path, text.getvalue().encode())
    return found, path


def text_of(captured: Captured, found: Sequence[Statement]) -> str:
    """The statements for the user, between the capture's heading and a word of caution."""
    lines = [captured.card.heading, "The paper's statements about depth, in this network on these images alone:"]
    lines += ["  " + one.line() for one in found]
    if any(one.holds is None and pd.notna(one.value) for one in found):
        lines.append("Not judged: the paper says this of sigmoid gates, and the thresholds are for them.")
    lines.append("The thresholds are this project's. None of this is a verdict about another network or data set.")
    return "\n".join(lines)
