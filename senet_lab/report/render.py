"""Blocks as Markdown. Text from tables and records is escaped, so that no name can break a line or become HTML."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from senet_lab.report.blocks import Block
from senet_lab.report.wording import INTERVALS

SHARED = "What ± means in these tables"
AT_THE_END = "What ± means stands at the end of this page."
FOLDED = "How these numbers came about, and what limits them"
TAG = re.compile(r"<(?=[A-Za-z/!?])")


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """A page: a heading, then each block as an aligned table with its notes.

    What ± means is the same for several blocks. It stands once, at the end, and each of these blocks says so.
    """
    times = Counter(note for block in blocks for note in dict.fromkeys(block.notes))
    shared = [note for note in INTERVALS if times[note] > 1]
    parts = [f"# {plain(title)}\n"]
    for block in blocks:
        own = tuple(note for note in block.notes if note not in shared)
        parts.append(block_markdown(replace(block, notes=own if own == block.notes else (*own, AT_THE_END))))
    if shared:
        parts.append(f"## {SHARED}\n\n" + "\n".join(f"- {plain(note)}" for note in shared) + "\n")
    return "\n".join(parts)


def block_markdown(block: Block, level: int = 2, folded: bool = False) -> str:
    """One block: its heading, its aligned table, its notes. folded: the notes are hidden until a reader clicks."""
    table = "\n".join(_aligned(block))
    notes = "\n".join(f"- {plain(note)}" for note in block.notes)
    if folded and notes:
        notes = f"<details>\n<summary>{FOLDED}</summary>\n\n{notes}\n\n</details>"
    return f"{'#' * level} {plain(block.title)}\n\n{table}\n\n{notes}\n"


def plain(text: str) -> str:
    """Text for Markdown on one line, with tags, links and code escaped."""
    flat = " ".join(text.split())
    return TAG.sub("&lt;", flat).replace("](", r"]\(").replace("`", r"\`")


def _cell(text: str) -> str:
    return plain(text).replace("|", r"\|")


def _aligned(block: Block) -> list[str]:
    lines = [tuple(_cell(cell) for cell in line) for line in (block.columns, *block.lines)]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    ]
    return [f"| {' | '.join(cells)} |" for cells in (padded[0], rule, *padded[1:])]
