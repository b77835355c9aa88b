"""Blocks as tables of HTML: each cell with what it sorts by and the record that it comes from."""

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
    """One cell. sort: a number as text, a text in small letters, or nothing for what stands last either way."""

    text: str
    sort: str
    link: str = ""  # the id of a part of the page


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """A table on the page. name: unique there. copies: what its buttons copy, by the button's word."""

    name: str
    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    sortable: bool = True
    copies: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> tuple[int, ...]:
        """The columns that hold words and no number, by place."""
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
    """A block as a table. title: of the paper's table, for LaTeX; csv: its numbers; links: for each line the id of
    the records behind it, or nothing."""
    lines = []
    for place, line in enumerate(block.lines):
        link = links[place] if place < len(links) else ""
        cells = [Cell(text, sort_value(text), link if _linked(block, i) else "") for i, text in enumerate(line)]
        if sortable and cells:
            cells[0] = Cell(line[0], str(place))  # the first column brings back the order of the paper
        lines.append(tuple(cells))
    copies = {"LaTeX": latex(title, [block]), "CSV": csv, "Markdown": block_markdown(block)}
    return HtmlTable(name, block.title, block.columns, tuple(lines), block.notes, sortable, copies)


def sort_value(text: str) -> str:
    """What a cell sorts by: the number that it begins with, else its text; a missing value has none."""
    if text in (NONE, ""):
        return ""
    number = NUMBER.match(text)
    return number[0].replace(",", "").removeprefix("+") if number else text.casefold()


def _linked(block: Block, column: int) -> bool:
    return bool(block.names) and block.names[column] in LINKED


def _is_number(cell: Cell) -> bool:
    return NUMBER.match(cell.text) is not None
