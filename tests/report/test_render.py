"""Markdown and LaTeX of an invented table, to the byte."""

from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.errors import StudyError
from senet_lab.report.blocks import Block
from senet_lab.report.latex import escape, latex
from senet_lab.report.render import block_markdown, markdown

GOLDEN = Path(__file__).parents[1] / "golden"
BLOCKS = [
    Block(
        title="Measured, committed — 100 % invented",
        columns=("row", "test top-1 err., %", "difference, points"),
        lines=(
            ("SE_3x3 & friends", "22.28 ± 0.12", "baseline"),
            ("a|b {r=16}", "21.00 (n = 1)", "-1.28 ± 0.30"),
            ("r~2^4 #1 $x$ \\", "–", "–"),
        ),
        notes=("Departure: 50 % of R&D_notes.", "n = 3."),
    ),
    Block(title="Second", columns=("row", "n"), lines=(("x", "1"),), notes=("A note.",)),
]


@pytest.mark.parametrize(("name", "render"), [("table.md", markdown), ("table.tex", latex)])
def test_a_table_comes_out_as_committed(name, render):
    """Columns aligned, special characters written out, one heading and one table a block."""
    assert (GOLDEN / name).read_text() == render("Table 99 (CVPR 2018): A_sample", BLOCKS)


def test_notes_that_several_tables_share_stand_once():
    """At the end, in their order; a table that shares one says so, and one of its own notes stays."""
    first, second = BLOCKS
    blocks = [
        replace(first, notes=("Own.", "Both.")),
        replace(second, notes=("Both.",)),
        replace(second, notes=("Mine.",)),
    ]
    page = markdown("T", blocks)
    tables, _, end = page.partition("## Notes on several of these tables\n\n")

    assert end == "- Both.\n"
    assert tables.count("More notes on this table stand at the end") == 2
    assert "- Both." not in tables
    assert "- Own.\n- More notes" in tables
    assert markdown("T", BLOCKS[:1]).endswith("- n = 3.\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 %", r"50 \%"),
        ("SE_3x3", r"SE\_3x3"),
        ("R&D", r"R\&D"),
        ("22.28 ± 0.12", r"22.28 $\pm$ 0.12"),
        ("–", "--"),
        ("a|b < c > d", r"a\textbar{}b \textless{} c \textgreater{} d"),
        ("\\{}", r"\textbackslash{}\{\}"),
        ("#$~^", r"\#\$\textasciitilde{}\textasciicircum{}"),
        ("plain r=16", "plain r=16"),
        ("-1.28 and +0.5", "$-$1.28 and $+$0.5"),
        ("SE-3 and 2–5", "SE-3 and 2--5"),
        ("1 ≤ x · y", r"1 $\leq$ x $\cdot$ y"),
        ("two\nlines\t\x07\u4e2d", "two lines ??"),
    ],
)
def test_latex_reads_every_character_as_itself(text, expected):
    """Nothing is escaped twice, and nothing is left that starts a command or a comment."""
    assert expected == escape(text)


def test_markdown_cells_stay_in_their_column():
    """A bar within a cell does not end it, and every line of a table is as wide as the others."""
    lines = [line for line in markdown("T", BLOCKS[:1]).splitlines() if line.startswith("|")]

    assert len(lines) == 5
    assert {4} == {line.replace(r"\|", "").count("|") for line in lines}
    assert len({len(line) for line in lines}) == 1


def test_notes_can_be_folded():
    """Then they open with a click, and the table stays in sight; without notes there is nothing to fold."""
    open_, folded = block_markdown(BLOCKS[1]), block_markdown(BLOCKS[1], folded=True)
    bare = block_markdown(replace(BLOCKS[1], notes=()), folded=True)

    assert folded.replace("</details>\n", "").partition("<details>")[0] == open_.partition("- A note.")[0]
    assert "\n\n- A note.\n\n</details>" in folded
    assert "details" not in bare


def test_no_name_ends_a_line_or_becomes_html():
    """A label with a line feed, a heading's sign, HTML or a link stays text in its cell."""
    evil = "r=16\n# heading <script>alert(1)</script> [x](https://example.org) `code`"
    block = Block(evil, ("row", evil), ((evil, "1"),), (evil,))
    text = markdown(evil, [block])

    assert [line[0] for line in text.splitlines() if line.startswith("#")] == ["#", "#"]
    assert "<script" not in text
    assert "](http" not in text
    assert sum(line.startswith("|") for line in text.splitlines()) == 3
    assert "script>" not in latex(evil, [block]).replace(r"script\textgreater{}", "")


def test_columns_are_chosen_by_name():
    """In the order that is asked for; one that is not there is named with those that are."""
    block = Block("t", ("row", "an error", "n"), (("x", "1", "2"),), (), ("row", "error", "n"), ("row", "n"))

    assert (block.only(["n", "row"]).columns, block.only(["n", "row"]).lines) == (("n", "row"), (("2", "x"),))
    assert block.for_paper().columns == ("row", "n")
    with pytest.raises(StudyError, match="no column is called 'errors'; there are row, error, n"):
        block.only(["errors"])
