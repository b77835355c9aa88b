"""Conventions: what a published figure of size or cost counts, and how its last digit came about.

The paper states none. Each of these is the simplest one that reaches most figures of its columns; the figures that
it does not reach are open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """A kind of work for one image. Values are counted where no other unit is named."""

    WEIGHTS = "convolutions and FC layers"  # weight uses, those of excitation as well
    SQUEEZE = "SE pooling"  # values read
    SCALE = "SE scaling"  # values written
    POOLING = "other pooling"  # values read, padding included: window times outputs
    POOL_INPUTS = "inputs of other pooling"  # values pooled, each once however many windows read it
    NORM = "batch norm"  # values written
    ADDITION = "addition of branches"  # values written


@dataclass(frozen=True, slots=True)
class Convention:
    """operations: the kinds that count, one each. cut: digits past the printed ones are cut off, not rounded."""

    operations: tuple[Operation, ...]
    cut: bool = False

    @property
    def text(self) -> str:
        """The convention in words, for a table's heading."""
        return "multiply-adds of " + ", ".join(self.operations) + ("; digits cut off" if self.cut else "")

    def count(self, operations: Mapping[Operation, int]) -> int:
        """Multiply-adds for one image."""
        return sum(operations[kind] for kind in self.operations)

    def printed(self, count: int, unit: int, decimals: int) -> str:
        """The count as a figure in this unit (10**9: G), as it would be printed."""
        return printed(count, unit, decimals, cut=self.cut)


def printed(count: int, unit: int, decimals: int, *, cut: bool) -> str:
    """A count with so many decimals of the unit, in whole numbers throughout; a half is rounded up."""
    scaled = count * 10**decimals
    digits = scaled // unit if cut else (2 * scaled + unit) // (2 * unit)
    whole, fraction = divmod(digits, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


@dataclass(frozen=True, slots=True)
class SizeConvention:
    """statistics: batch norm's running means and variances count. cut: as for costs."""

    statistics: bool
    cut: bool = False

    @property
    def text(self) -> str:
        """The convention in words."""
        counted = "weights, biases and batch-norm running statistics" if self.statistics else "weights and biases"
        return counted + ("; digits cut off" if self.cut else "")


# Journal tables 13, 15 and 16: every figure.
ABLATIONS = Convention((Operation.WEIGHTS, Operation.SQUEEZE, Operation.SCALE))
# Table 2 of both editions: 12 of its 16 figures; ABLATIONS reaches 6. All pooling counts once a value, that of SE as
# well; its scaling in the place of its pooling would give the same counts.
NETWORKS = Convention((Operation.WEIGHTS, Operation.NORM, Operation.SQUEEZE, Operation.POOL_INPUTS), cut=True)
# Table 3 of both editions: every figure.
MOBILE = Convention((Operation.WEIGHTS, Operation.SQUEEZE, Operation.POOLING, Operation.ADDITION))
WITH_STATISTICS = SizeConvention(statistics=True)
CUT_WEIGHTS = SizeConvention(statistics=False, cut=True)  # table 3


EDITIONS = ("cvpr2018", "tpami")  # which share the numbers of the tables below


def cost_convention(edition: str, number: str) -> Convention:
    """What the GFLOPs or MFLOPs of a table count."""
    return {"2": NETWORKS, "3": MOBILE}.get(number if edition in EDITIONS else "", ABLATIONS)


def size_convention(edition: str, number: str) -> SizeConvention:
    """What the parameters of a table count."""
    return CUT_WEIGHTS if edition in EDITIONS and number == "3" else WITH_STATISTICS
