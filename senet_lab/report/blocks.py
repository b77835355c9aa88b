"""A block: one table of text cells with notes. Markdown, LaTeX and HTML pages are made from the same blocks."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from senet_lab.errors import StudyError


@dataclass(frozen=True, slots=True)
class Block:
    """A title, the columns' headings, one line of cells for each row, and the notes below.

    names: the columns' names on the command line, in order; empty where a user cannot choose columns. narrow: the names
    of the columns that fit on a printed page. label: the block's label in a LaTeX document.
    """

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    names: tuple[str, ...] = field(default=())
    narrow: tuple[str, ...] = field(default=())
    label: str = ""

    def only(self, names: Sequence[str]) -> Self:
        """The block with only these columns, in this order. Raises StudyError for an unknown column."""
        for name in names:
            if name not in self.names:
                raise StudyError(f"no column is called {name!r}; there are {', '.join(self.names)}")
        places = [self.names.index(name) for name in names]
        return replace(
            self,
            columns=tuple(self.columns[i] for i in places),
            lines=tuple(tuple(line[i] for i in places) for line in self.lines),
            names=tuple(names),
            narrow=tuple(names),
        )

    def for_paper(self) -> Self:
        """The block with the columns that fit on a printed page; all columns where ``narrow`` is empty."""
        return self.only(self.narrow) if self.narrow else self
