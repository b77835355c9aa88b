"""Computed counts beside the published ones."""

from pathlib import Path

import pytest

from senet_lab.cli import catalogue
from senet_lab.models.complexity import complexity
from senet_lab.models.registry import build_model
from senet_lab.records.counts import read_counts
from senet_lab.report import check_counts as conform
from senet_lab.report.published import load_published, published_table
from senet_lab.study.counts import network_key

RESULTS = Path(__file__).parents[2] / "results"
FOLDER = catalogue.published_folder()
TABLES = [catalogue.find_table("table7")] + [catalogue.find_table(f"tpami-table{number}") for number in range(10, 17)]


def _published(tables):
    numbers = load_published(FOLDER)
    return [published_table(table, numbers) for table in tables]


@pytest.fixture(
    scope="module",
    params=[slice(-1, None), pytest.param(slice(None), marks=pytest.mark.slow)],
    ids=["a network a table", "all networks"],
)
def found(request):
    """Every figure of table 7 and of the journal's ablations, from the networks themselves: by default the last of each
    table, and r=8 of the open figure. The others' counts are the committed ones, which are tested to be theirs."""
    cells = {network_key(row.cell): row.cell for table in TABLES for row in table.rows[request.param]}
    r8 = TABLES[0].row("r=8").cell
    cells[network_key(r8)] = r8
    counts = read_counts(RESULTS) | {
        key: complexity(
            build_model(cell.backbone, cell.se, cell.protocol.num_classes, device="meta"), cell.protocol.image_size
        )
        for key, cell in cells.items()
    }
    return conform.figures(_published(TABLES), counts, conform.open_notes(FOLDER))


def test_every_figure_of_the_ablations_matches_but_one(found):
    """Of 31 printed counts in these tables only the journal's r=8 does not come out, and it is among the open ones."""
    assert len(found) == 5 + 6 + 10 + 4 + 6
    assert [conform.figure_name(f) for f in found if not f.matched] == ["tpami T10 SE-ResNet-50 r=8 params"]
    assert conform.regressions(found, conform.open_notes(FOLDER)) == []


def test_the_open_figure_says_why(found):
    """30.640 is computed where 30.7 is printed, and the note says what would break otherwise."""
    (figure,) = (f for f in found if not f.matched)

    assert (figure.published, round(figure.computed, 3)) == (30.7, 30.64)
    assert "break r=2" in figure.note


def test_a_count_that_changes_is_noticed(found):
    """Without the list of open figures the open one is a regression; none other is."""
    assert [figure.row for figure in conform.regressions(found, {})] == ["SE-ResNet-50 r=8"]


def test_every_figure_names_its_convention(found):
    """No count stands without what it counts."""
    assert all(figure.convention for figure in found)


def test_open_figures_exist():
    """Each line of the list of open figures names a published number, with a reason."""
    published = {conform.figure_name(number) for number in load_published(FOLDER)}
    notes = conform.open_notes(FOLDER)

    assert set(notes) <= published
    assert all(notes.values())


@pytest.fixture(scope="module")
def everywhere():
    """Every figure of every table, by the committed counts."""
    notes = conform.open_notes(FOLDER)
    return conform.figures(_published(catalogue.tables()), read_counts(RESULTS), notes)


def test_exactly_the_known_open_figures_are_open(everywhere):
    """Of 79 figures 70 match; none is open that is not listed, and none is listed that matches."""
    open_figures = {conform.figure_name(figure) for figure in everywhere if not figure.matched}

    assert set(conform.open_notes(FOLDER)) == open_figures
    assert (len(everywhere), len(open_figures)) == (79, 9)


def test_no_parameter_or_cost_figure_is_left_out(everywhere):
    """Each printed size and cost of both editions stands beside a computed one."""
    printed = {conform.figure_name(n) for n in load_published(FOLDER) if n.metric in conform.UNITS}

    assert printed == {conform.figure_name(figure) for figure in everywhere}


def test_one_convention_a_column(everywhere):
    """The figures of one column of one table all count the same."""
    columns = {(figure.edition, figure.table, figure.metric) for figure in everywhere}

    assert len(columns) == len({(f.edition, f.table, f.metric, f.convention) for f in everywhere})


def test_an_open_figure_gives_the_computed_value_first(everywhere):
    """With three decimals, one more than is printed or better, and then what would explain the printed one."""
    for figure in everywhere:
        if not figure.matched:
            assert figure.note.startswith(f"{figure.computed:.3f}"), figure
            assert len(figure.note) > 60
