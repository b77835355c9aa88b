"""Families of comparisons: which comparisons of a table and its claims share one error rate, and their cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from senet_lab.study.cell import Cell
from senet_lab.study.claim import Claim, ComparedPart, Costs, Directed, LargerGain, Lower, NotWorse, labels_of
from senet_lab.study.measure import measure_of
from senet_lab.study.table import Row, Table

Asked = Sequence[tuple[Claim, Mapping[str, Cell]]]  # claims about a table, each with the cells that its labels mean


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with the cells that its labels mean. less: the cells whose difference is subtracted, if any."""

    part: ComparedPart
    cell: Cell
    than: Cell
    less: tuple[Cell, Cell] | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that are compared: two, or four for LargerGain."""
        return self.cell, self.than, *(self.less or ())

    @property
    def name(self) -> str:
        """The comparison's name: its kind and its cells. Two comparisons that are one test have one name.

        "A is lower than B" and "B is higher than A" are one test, so the keys are sorted; "A is not worse than B" is
        another test than "B is not worse than A".
        """
        keys = [cell.key for cell in self.cells]
        if isinstance(self.part, LargerGain):
            return f"{LargerGain.__name__} {' '.join(keys)}"
        if not isinstance(self.part, NotWorse):
            keys.sort()
        if isinstance(self.part, Directed):  # lower and higher are the two answers of one test
            return f"{Lower.__name__} {keys[0]} {keys[1]}"
        return f"{type(self.part).__name__} {keys[0]} {keys[1]} {self.part.margin:g}"

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value of the compared number is better, as for AP."""
        return measure_of(self.cell.protocol).higher_is_better


@dataclass(frozen=True, slots=True)
class Family:
    """The comparisons that share one error rate, by name. rows: the cells that the spread over seeds comes from."""

    comparisons: Mapping[str, Compared]
    rows: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell that is compared, once."""
        return tuple({c.key: c for one in self.comparisons.values() for c in one.cells}.values())


def cells_of_claims(table: Table, claims: Iterable[Claim]) -> list[Cell]:
    """The cells of all rows of the claims' tables and of the claims' further rows, under the protocols of ``table``.

    Only claims that apply to ``table`` count. A cell that several claims share occurs several times.
    """
    return [cell for _, cells in claims_asked(table, claims) for cell in cells.values()]


def family_of(table: Table, claims: Iterable[Claim]) -> Family:
    """The family of a table: every comparison of its rows and its claims, once."""
    return family_from(table, claims_asked(table, claims))


def family_from(table: Table, asked: Asked) -> Family:
    """The family of a table with these claims: every comparison once."""
    of_rows = [Compared(Lower(row.label, base.label), row.cell, base.cell) for row, base in row_pairs(table)]
    of_claims = [compared(part, cells) for claim, cells in asked for part in claim.parts if not isinstance(part, Costs)]
    comparisons: dict[str, Compared] = {}
    for one in (*of_rows, *of_claims):
        comparisons.setdefault(one.name, one)
    return Family(comparisons, table.cells)


def compared(part: ComparedPart, cells: Mapping[str, Cell]) -> Compared:
    """The comparison of a part. cells: the cells that its labels mean."""
    cell, than, *less = (cells[label] for label in labels_of(part))
    return Compared(part, cell, than, (less[0], less[1]) if less else None)


def claims_asked(table: Table, claims: Iterable[Claim]) -> Asked:
    """The claims about a table, or about the paper's table that it is a companion of.

    A claim about further rows, whose networks have no companion, says nothing about companions.
    """
    found = ((claim, _cells(claim, table)) for claim in claims if _applies(claim, table))
    return [(claim, cells) for claim, cells in found if cells is not None]


def _applies(claim: Claim, table: Table) -> bool:
    same = (claim.table.edition, claim.table.number) == (table.edition, table.number)
    return same and (claim.transfers or claim.table.rows == table.rows)


def _cells(claim: Claim, table: Table) -> dict[str, Cell] | None:
    """The cells that the claim's labels mean, by label; None for a lack of networks.

    Those of the table's rows are the table's own, each under its row's protocol. Further rows have its baseline's.
    """
    further = replace(claim.table, rows=(claim.table.row(claim.table.baseline), *claim.rows))
    if claim.table.rows != table.rows and claim.rows:
        try:
            further = further.under(table.paper_protocol)
        except ValueError:
            return None
    return {row.label: row.cell for row in (*further.rows, *table.rows)}


def row_pairs(table: Table) -> Sequence[tuple[Row, Row]]:
    """Each row with its baseline; baselines themselves are left out."""
    return [(row, table.baseline_of(row)) for row in table.rows if table.baseline_of(row) is not row]
