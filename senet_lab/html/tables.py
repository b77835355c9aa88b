"""Blocks as HTML tables. Each cell has a value to sort by, and a link to the records that it comes from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from senet_lab.report.blocks import Block
from senet_lab.report.latex import latex
from senet_lab.report.render import block_markdown
from senet_lab.report.wording import NONE

NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")
LINKED = ("measured", "measured-difference", "measured-top5")  # columns whose numbers come from records


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    sort: the value to sort by, a number or lower-case text; empty for a missing value, which always comes last. link:
    the id of a part of the page; empty for none.
    """

    text: str
    sort: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """A table on the page. name: its id. copies: the texts that its buttons copy, by the buttons' words."""

    name: str
    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    sortable: bool = True
    copies: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> tuple[int, ...]:
        """The places of the columns that hold words and no numbers."""
        columns = enumerate(zip(*self.lines, strict=True))
        return tuple(i for i, cells in columns if any(cell.sort for cell in cells) and not any(map(_is_number, cells)))


def html_table(
    block: Block,
    name: str,
    title: str,
    csv: str,
    links: Sequence[str] = (),
    sortable: bool = True,
) -> HtmlTable:
    """A block as a table.

    title: the title of the paper's table, for LaTeX. csv: the table's numbers. links: for each line the id of the part
    with its records; empty for none.
    """
    lines = []
    for place, line in enumerate(block.lines):
        link = links[place] if place < len(links) else ""
        cells = [Cell(text, sort_value(text), link if _linked(block, i) else "") for i, text in enumerate(line)]
        if sortable and cells:
            cells[0] = Cell(line[0], str(place))  # sorting by the first column restores the paper's order
        lines.append(tuple(cells))
    copies = {"LaTeX": latex(title, [block]), "CSV": csv, "Markdown": block_markdown(block)}
    return HtmlTable(name, block.title, block.columns, tuple(lines), block.notes, sortable, copies)


def sort_value(text: str) -> str:
    """The value that a cell is sorted by: the number at its beginning, else its text; empty for a missing value."""
    if text in (NONE, ""):
        return ""
    number = NUMBER.match(text)
    return number[0].replace(",", "").removeprefix("+") if number else text.casefold()


def _linked(block: Block, column: int) -> bool:
    return bool(block.names) and block.names[column] in LINKED


def _is_number(cell: Cell) -> bool:
    return NUMBER.match(cell.text) is not None
