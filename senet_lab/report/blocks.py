"""A block: one table of text cells on its way to a page, the same for Markdown, LaTeX and HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from senet_lab.errors import StudyError


@dataclass(frozen=True, slots=True)
class Block:
    """A title, columns, one line of cells a row, and the notes below.

    names: what each column is called on a command line, in order; empty where columns are not chosen. narrow: the
    names of those that a page of paper has room for. label: names the block in a LaTeX document.
    """

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    names: tuple[str, ...] = field(default=())
    narrow: tuple[str, ...] = field(default=())
    label: str = ""

    def only(self, names: Sequence[str]) -> Self:
        """The block with the columns of these names, in this order. Raises StudyError for one that it has not."""
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
        """The block with the columns that a page has room for; itself where none are named."""
        return self.only(self.narrow) if self.narrow else self
