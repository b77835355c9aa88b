"""Conventions: what a published number of parameters or multiply-adds counts, and how its last digit is rounded.

The paper does not state its conventions. Each convention here is the simplest one that reproduces most numbers of its
columns. ``open.csv``, beside the published numbers, lists those that are not reproduced, with the likely reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """A kind of work for one image, with the unit in which it is counted."""

    WEIGHTS = "convolutions and FC layers"  # uses of weights, including those of excitation
    SQUEEZE = "SE pooling"  # values read
    SCALE = "SE scaling"  # values written
    POOLING = "other pooling"  # values read, with padding: size of the window times number of outputs
    POOL_INPUTS = "inputs of other pooling"  # values pooled; each counts once, even if several windows read it
    NORM = "batch norm"  # values written
    ADDITION = "addition of branches"  # values written


@dataclass(frozen=True, slots=True)
class Convention:
    """How multiply-adds are counted. operations: the kinds that count. cut: digits are cut off, not rounded."""

    operations: tuple[Operation, ...]
    cut: bool = False

    @property
    def text(self) -> str:
        """The convention in words, for a table's heading."""
        return "multiply-adds of " + ", ".join(self.operations) + ("; digits cut off" if self.cut else "")

    def count(self, operations: Mapping[Operation, int]) -> int:
        """Multiply-adds for one image. operations: the amount of work of each kind."""
        return sum(operations[kind] for kind in self.operations)

    def printed(self, count: int, unit: int, decimals: int) -> str:
        """The count as it would be printed in this unit (10**9 for G) with so many decimals."""
        return printed(count, unit, decimals, cut=self.cut)


def printed(count: int, unit: int, decimals: int, *, cut: bool) -> str:
    """A count in this unit with so many decimals, as text. It is exact, since it uses integers; halves are rounded up.

    cut: digits are cut off, not rounded.
    """
    scaled = count * 10**decimals
    digits = scaled // unit if cut else (2 * scaled + unit) // (2 * unit)
    whole, fraction = divmod(digits, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


@dataclass(frozen=True, slots=True)
class SizeConvention:
    """How parameters are counted.

    statistics: running means and variances of batch norm count, too. cut: digits are cut off, not rounded.
    """

    statistics: bool
    cut: bool = False

    @property
    def text(self) -> str:
        """The convention in words."""
        counted = "weights, biases and batch-norm running statistics" if self.statistics else "weights and biases"
        return counted + ("; digits cut off" if self.cut else "")


# TPAMI tables 13, 15 and 16: reproduces every figure.
ABLATIONS = Convention((Operation.WEIGHTS, Operation.SQUEEZE, Operation.SCALE))
# Table 2 of both editions: reproduces 12 of its 16 figures; ABLATIONS reproduces 6. Every pooled value counts once,
# also in the SE blocks. To count SE scaling instead of SE pooling would give the same numbers.
NETWORKS = Convention((Operation.WEIGHTS, Operation.NORM, Operation.SQUEEZE, Operation.POOL_INPUTS), cut=True)
# Table 3 of both editions: reproduces every figure.
MOBILE = Convention((Operation.WEIGHTS, Operation.SQUEEZE, Operation.POOLING, Operation.ADDITION))
WITH_STATISTICS = SizeConvention(statistics=True)
CUT_WEIGHTS = SizeConvention(statistics=False, cut=True)  # table 3


EDITIONS = ("cvpr2018", "tpami")  # in both, tables 2 and 3 have these numbers


def cost_convention(edition: str, number: str) -> Convention:
    """The convention of the GFLOPs or MFLOPs in a table."""
    return {"2": NETWORKS, "3": MOBILE}.get(number if edition in EDITIONS else "", ABLATIONS)


def size_convention(edition: str, number: str) -> SizeConvention:
    """The convention of the parameters in a table."""
    return CUT_WEIGHTS if edition in EDITIONS and number == "3" else WITH_STATISTICS
