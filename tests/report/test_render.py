"""Markdown and LaTeX of an invented table, to the byte."""

from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.errors import StudyError
from senet_lab.report.blocks import Block
from senet_lab.report.latex import escape, latex
from senet_lab.report.render import block_markdown, markdown
from senet_lab.report.wording import INTERVALS

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


def test_what_the_intervals_mean_stands_once():
    """At the end; a table that lacks a note for that says so. What else two tables share stays with each: it may not
    hold for the third."""
    first, second = BLOCKS
    meaning = INTERVALS[:2]
    shared = ("Departure: both.", *meaning)
    page = markdown(
        "T", [replace(first, notes=shared), replace(second, notes=shared), replace(second, notes=("Own.",))]
    )
    tables, _, end = page.partition("## What ± means in these tables\n\n")

    assert end == "".join(f"- {note}\n" for note in meaning)
    assert tables.count("- Departure: both.\n- What ± means stands at the end of this page.\n") == 2
    assert tables.endswith("- Own.\n\n")
    assert f"- {meaning[0]}\n" in markdown("T", [replace(first, notes=meaning)])


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
