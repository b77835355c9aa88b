"""What the paper says of excitations by depth (CVPR section 6.5, TPAMI section 7.2), as numbers of one capture.

The thresholds are this project's: the paper shows curves and names none. A statement holds, or does not, in the
network that was looked at; that says nothing about another network or data set.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from senet_lab.excitations.frames import Atlas, heading
from senet_lab.records.files import replace_file

NEARLY_COINCIDE = 0.05  # of the gate, which is between 0 and 1
TWICE = 2.0
MOST = 0.5
SIMILAR = 0.9  # correlation
UNIFORM = 0.05  # of the gate


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of the paper, where it was looked at, and what was found; holds: None where it has no number."""

    says: str
    blocks: str
    measure: str
    value: float
    threshold: str
    holds: bool | None

    def line(self) -> str:
        """For a person."""
        word = {True: "holds here", False: "does not hold here", None: "not measured"}[self.holds]
        return f"{word:18}  {self.says} [{self.blocks}] {self.measure}: {self.value:.3f}, holds if {self.threshold}"


def statements(atlas: Atlas) -> list[Statement]:
    """The paper's statements, each at the blocks of this network that stand where the paper's do."""
    blocks = atlas.blocks.set_index("block")
    first, later, middle, last = _places(atlas.all_blocks())

    def mean(names: Sequence[str], column: str) -> float:
        return float(blocks.loc[list(names), column].mean())

    specific, early = mean(later, "specificity"), mean(first, "specificity")
    saturated = mean(last, "share_low") + mean(last, "share_high")
    return [
        _judge(
            "early: classes nearly coincide",
            first,
            "standard deviation of the class means, mean over channels",
            mean(first, "class_deviation"),
            f"< {NEARLY_COINCIDE:g}",
            lambda value: value < NEARLY_COINCIDE,
        ),
        _judge(
            "later: channels are class-specific",
            [*later, "against", *first],
            f"between-class share of the variance, {specific:.3f} against {early:.3f}, ratio",
            specific / early if early > 0 else float("nan"),
            f">= {TWICE:g}",
            lambda value: value >= TWICE,
        ),
        _judge(
            "middle of the last stage: most gates near one",
            middle,
            "share of gates from 0.9 on",
            mean(middle, "share_near_one"),
            f">= {MOST:g}",
            lambda value: value >= MOST,
        ),
        _judge(
            "last block: one pattern for all classes but for its scale",
            last,
            "correlation over channels of a class's means with all classes'",
            mean(last, "pattern"),
            f">= {SIMILAR:g}",
            lambda value: value >= SIMILAR,
        ),
        _judge(
            "last stage saturated: it says least",
            last,
            "share of saturated gates",
            saturated,
            f">= {MOST:g}",
            lambda value: value >= MOST,
        ),
        _judge(
            "last stage nearly uniform: it says least",
            last,
            "standard deviation over channels and images",
            mean(last, "deviation"),
            f"< {UNIFORM:g}",
            lambda value: value < UNIFORM,
        ),
    ]


def _judge(
    says: str, blocks: Sequence[str], measure: str, value: float, threshold: str, holds: Callable[[float], bool]
) -> Statement:
    found = None if pd.isna(value) else holds(value)
    return Statement(says, " ".join(blocks), measure, value, threshold, found)


def _places(blocks: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Where the paper's SE_2_3, its SE_4_6 and SE_5_1, its SE_5_2, and its SE_5_3 would be."""
    stages: dict[str, list[str]] = {}
    for block in blocks:
        stages.setdefault(block.rpartition("_")[0], []).append(block)
    found = list(stages.values())
    last = found[-1]
    before = found[-2][-1:] if len(found) > 2 else []
    return found[0][-1:], [*before, last[0]], [last[-2] if len(last) > 1 else last[-1]], last[-1:]


def write_statements(atlas: Atlas, folder: Path) -> tuple[list[Statement], Path]:
    """Writes them beside the capture's other files as statements.csv."""
    found = statements(atlas)
    text = io.StringIO()
    pd.DataFrame([asdict(one) for one in found]).to_csv(text, index=False, lineterminator="\n", float_format="%.5f")
    path = folder / "statements.csv"
    replace_file(path, text.getvalue().encode())
    return found, path


def text_of(atlas: Atlas, found: Sequence[Statement]) -> str:
    """The statements under what was looked at, and what they are not."""
    lines = [heading(atlas), "The paper's statements about depth, in this network on these images alone:"]
    lines += ["  " + one.line() for one in found]
    lines.append("The thresholds are this project's. None of this is a verdict about another network or data set.")
    return "\n".join(lines)
