"""Blocks as Markdown and LaTeX (booktabs)."""

from collections.abc import Sequence

from senet_lab.report.tables import Block

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "–": "--",
    "—": "---",
}


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """A heading, then each block as an aligned table with its notes."""
    return "\n".join([f"# {title}\n", *(block_markdown(block) for block in blocks)])


def block_markdown(block: Block, level: int = 2) -> str:
    """One block: its heading, its aligned table, its notes."""
    table = "\n".join(_aligned(block))
    notes = "\n".join(f"- {note}" for note in block.notes)
    return f"{'#' * level} {block.title}\n\n{table}\n\n{notes}\n"


def _aligned(block: Block) -> list[str]:
    lines = [tuple(cell.replace("|", r"\|") for cell in line) for line in (block.columns, *block.lines)]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    ]
    return [f"| {' | '.join(cells)} |" for cells in (padded[0], rule, *padded[1:])]


def latex(title: str, blocks: Sequence[Block]) -> str:
    """Each block as a table environment; needs the package booktabs."""
    return "\n".join(_latex_block(f"{title}. {block.title}", block) for block in blocks)


def _latex_block(caption: str, block: Block) -> str:
    body = [" & ".join(escape(cell) for cell in line) + r" \\" for line in block.lines]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{escape(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(block.columns) - 1)}}}",
            r"\toprule",
            " & ".join(escape(cell) for cell in block.columns) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\\[2pt]\footnotesize",
            "\n".join(escape(note) for note in block.notes),
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Text for LaTeX: every character that it would read as a command is written out."""
    return "".join(LATEX.get(character, character) for character in text)
