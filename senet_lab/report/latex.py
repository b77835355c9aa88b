"""Blocks as LaTeX: each becomes a ``tabular`` with caption and label. ``latex_notes`` gives the notes as another text.

The document needs the packages booktabs and array. A table that fits into 3.3 inches becomes a ``table``, a wider one a
``table*``. Widths are estimated from the number of characters, with some room to spare.
"""

import re
from collections.abc import Sequence

from senet_lab.report.blocks import Block

COLUMN, PAGE = 3.3 * 72.27, 7.0 * 72.27  # points
CHARACTER = {r"\footnotesize": 4.6, r"\scriptsize": 4.0}  # points: mean width of a character in Computer Modern
GAP = 8.0  # points between columns: twice \tabcolsep as it is set below
HEADER = 12  # a column's heading is broken into lines of at least so many characters
LATIN = 0x180  # the fonts of every LaTeX installation have the characters below this one
SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "[": "{[}",  # after the end of a line it would begin an argument
    "*": "{*}",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "²": r"\textsuperscript{2}",
    "“": "``",
    "”": "''",
}
MINUS = re.compile(r"(?<![\w.)-])([-+])(?=\d)")


def latex(title: str, blocks: Sequence[Block]) -> str:
    """Each block as a floating table, with the columns that fit on a page. ``latex_notes`` gives the notes."""
    return "\n".join(_table(title, block.for_paper()) for block in blocks)


def latex_notes(blocks: Sequence[Block]) -> str:
    """The notes of the blocks: for each a paragraph that refers to its table, with a list."""
    parts = []
    for block in blocks:
        notes = "\n".join(rf"\item {escape(note)}" for note in block.notes)
        parts.append(
            rf"\paragraph{{Notes to Table~\ref{{tab:{_label(block)}}}}}"
            "\n"
            r"\begin{itemize}\raggedright"
            f"\n{notes}\n"
            r"\end{itemize}"
            "\n"
        )
    return "\n".join(parts)


def _table(title: str, block: Block) -> str:
    size, environment, widths, wrapped = _fitted(block)
    sides = ["l", *("r" * (len(block.columns) - 1))]
    head = " & ".join(_head(*one) for one in zip(block.columns, widths, sides, strict=True))
    first = rf">{{\raggedright\arraybackslash}}p{{{wrapped:.0f}pt}}" if wrapped else "l"
    body = [" & ".join(escape(cell) for cell in line) + r" \\" for line in block.lines]
    return "\n".join(
        [
            rf"\begin{{{environment}}}[t]",
            rf"\centering{size}\setlength{{\tabcolsep}}{{{GAP / 2:g}pt}}",
            rf"\caption{{{escape(f'{title}. {block.title}')}}}",
            rf"\label{{tab:{_label(block)}}}",
            rf"\begin{{tabular}}{{@{{}}{first}{'r' * (len(block.columns) - 1)}@{{}}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\end{{{environment}}}",
            "",
        ]
    )


def _fitted(block: Block) -> tuple[str, str, list[int], float]:
    """Font size, environment, characters of each column, and the width in points of the first column.

    The width is 0 where the first column's text need not be broken into lines.
    """
    cells = [max((len(line[i]) for line in block.lines), default=1) for i in range(len(block.columns))]
    widths = [
        max(cell, min(len(name), max(HEADER, cell)), *(len(word) for word in name.split()))
        for cell, name in zip(cells, block.columns, strict=True)
    ]
    gaps = GAP * (len(widths) - 1)
    for size, character in CHARACTER.items():
        for room, environment in ((COLUMN, "table"), (PAGE, "table*")):
            if sum(widths) * character + gaps <= room:
                return size, environment, widths, 0.0
    rest = sum(widths[1:]) * CHARACTER[r"\scriptsize"] + gaps
    return r"\scriptsize", "table*", widths, max(60.0, PAGE - rest)


def _head(name: str, width: int, side: str) -> str:
    """A column's heading, on as few lines as its width (in characters) allows."""
    lines: list[str] = []
    for word in name.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) < 2:
        return escape(name)
    broken = r"\\".join(escape(line) for line in lines)
    return rf"\shortstack[{side}]{{{broken}}}"


def _label(block: Block) -> str:
    return re.sub(r"[^\w.+-]+", "-", block.label or block.title).strip("-")


def escape(text: str) -> str:
    """Text for LaTeX.

    Characters that LaTeX would read as commands are escaped. A sign before a number is set as a sign, not as a hyphen.
    Characters that LaTeX fonts may lack become question marks.
    """
    flat = " ".join(text.split())
    written = "".join(SPECIAL.get(c, c if c.isprintable() and ord(c) < LATIN else "?") for c in flat)
    return MINUS.sub(r"$\1$", written)
