"""Claim: a statement of the paper as comparisons of rows of one table."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from senet_lab.study.names import check_label, check_name
from senet_lab.study.table import Row, Table


class Quantity(StrEnum):
    """A cost of a network that is counted, not measured."""

    PARAMETERS = "parameters"  # weights and biases
    MULTIPLY_ADDS = "multiply-adds"  # for one image, by the convention of the ablation tables


@dataclass(frozen=True, slots=True)
class Lower:
    """The top-1 error of ``row`` is below that of ``than``."""

    row: str
    than: str


@dataclass(frozen=True, slots=True)
class Higher:
    """The AP of ``row`` is above that of ``than``."""

    row: str
    than: str


@dataclass(frozen=True, slots=True)
class NotWorse:
    """The top-1 error of ``row`` is less than ``margin`` points above that of ``than``.

    For detectors: the AP of ``row`` is less than ``margin`` points below that of ``than``.
    """

    row: str
    than: str
    margin: float


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The top-1 errors (or APs) of ``row`` and ``than`` differ by less than ``margin`` points."""

    row: str
    than: str
    margin: float


@dataclass(frozen=True, slots=True)
class LargerGain:
    """A change lowers the top-1 error more in one place than in another: an interaction.

    The change from ``than`` to ``row`` lowers it by more points than the change from ``other_than`` to ``other``.
    """

    row: str
    than: str
    other: str
    other_than: str


@dataclass(frozen=True, slots=True)
class Costs:
    """The quantity of ``row``, divided by that of ``than``, lies between ``least`` and ``most``."""

    row: str
    than: str
    quantity: Quantity
    least: float = 0.0
    most: float = math.inf


Directed = Lower | Higher | LargerGain
ComparedPart = Directed | NotWorse | Equivalent
Part = ComparedPart | Costs


def labels_of(part: Part) -> tuple[str, ...]:
    """The rows that a part is about: ``row``, ``than``, and for LargerGain ``other`` and ``other_than``."""
    others = (part.other, part.other_than) if isinstance(part, LargerGain) else ()
    return part.row, part.than, *others


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A statement of the paper. It holds where all of its parts hold.

    statement: in our words. source: where the paper says it. parts: comparisons of rows, which they name by label.
    rows: further rows that the statement needs and the printed table lacks. transfers: whether companions under another
    protocol can test the statement, too, or only the paper's own networks.

    Raises ValueError for a further row that the table cannot have, where there is no part, or where a part names an
    unknown row, compares a row with itself, names one of four rows twice, has no positive margin, or says Lower or
    LargerGain of AP or Higher of errors.
    """

    name: str
    table: Table
    statement: str
    source: str
    parts: tuple[Part, ...]
    rows: tuple[Row, ...] = ()
    transfers: bool = True

    def __post_init__(self) -> None:
        check_name("a claim's name", self.name)
        check_label(f"the statement of claim {self.name}", self.statement, 300)
        try:
            labels = {row.label for row in self.with_rows.rows}
        except ValueError as error:
            raise ValueError(f"claim {self.name}, with its own rows: {error}") from None
        if not self.parts:
            raise ValueError(f"claim {self.name}: it compares nothing")
        for part in self.parts:
            for label in labels_of(part):
                if label not in labels:
                    raise ValueError(f"claim {self.name}: {self.table.name} has no row {label!r}")
            if isinstance(part, Lower | LargerGain if self.table.measure.higher_is_better else Higher):
                what, kind = self.table.measure.what, type(part).__name__
                raise ValueError(
                    f"claim {self.name}: {kind} would be worse, since rows of {self.table.name} are compared by {what}"
                )
            of_part = labels_of(part)
            for label, other in zip(of_part[::2], of_part[1::2], strict=True):
                if label == other:
                    raise ValueError(f"claim {self.name}: {label!r} is compared with itself")
            if len(set(of_part)) < len(of_part):
                raise ValueError(
                    f"claim {self.name}: a larger gain is of four rows, and one of {of_part} is there twice"
                )
            if isinstance(part, NotWorse | Equivalent) and not part.margin > 0:
                raise ValueError(f"claim {self.name}: margin {part.margin} is not above 0")

    @property
    def with_rows(self) -> Table:
        """The table with the claim's further rows."""
        return replace(self.table, rows=self.table.rows + self.rows)
