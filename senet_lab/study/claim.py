"""Claim: a statement of the paper as comparisons of rows of one table."""

import math
from dataclasses import dataclass
from enum import StrEnum

from senet_lab.study.names import check_label, check_name
from senet_lab.study.table import Row, Table


class Quantity(StrEnum):
    """What a network costs, counted and not measured."""

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
    """The top-1 error of ``row`` is less than ``margin`` points above that of ``than``; its AP less than that below."""

    row: str
    than: str
    margin: float


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The top-1 errors, or APs, of ``row`` and ``than`` differ by less than ``margin`` points."""

    row: str
    than: str
    margin: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What ``row`` has of a quantity lies between ``least`` and ``most`` times what ``than`` has."""

    row: str
    than: str
    quantity: Quantity
    least: float = 0.0
    most: float = math.inf


Directed = Lower | Higher
Comparison = Directed | NotWorse | Equivalent
Part = Comparison | Costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A statement that holds where all of its parts hold.

    statement: in our words. source: where the paper says it. parts name rows by their labels. rows: further rows
    that the statement needs and the printed table has not. transfers: whether it can be asked of the companions
    under another protocol, or only of the paper's own networks.

    Raises ValueError where a part names no row, has no positive margin, says Lower of AP or Higher of errors, or there
    is none.
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
        labels = {row.label for row in (*self.table.rows, *self.rows)}
        if not self.parts:
            raise ValueError(f"claim {self.name}: it compares nothing")
        for part in self.parts:
            for label in (part.row, part.than):
                if label not in labels:
                    raise ValueError(f"claim {self.name}: {self.table.name} has no row {label!r}")
            if isinstance(part, Lower if self.table.measure.higher_is_better else Higher):
                what, kind = self.table.measure.what, type(part).__name__
                raise ValueError(
                    f"claim {self.name}: {kind} is not what is better of {self.table.name}, which has {what}"
                )
            if part.row == part.than:
                raise ValueError(f"claim {self.name}: {part.row!r} is compared with itself")
            if isinstance(part, NotWorse | Equivalent) and not part.margin > 0:
                raise ValueError(f"claim {self.name}: margin {part.margin} is not above 0")
