"""Figures: one colour a row, honest axes, layouts for one column and two, headings that can be left out."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from senet_lab.cli import catalogue
from senet_lab.report.cost_figures import limits, plot_cost
from senet_lab.report.figure_data import cost, differences, errors
from senet_lab.report.figures import plot_errors
from senet_lab.report.forest import BESIDE, plot_forest, write_forest, write_forest_of_all
from senet_lab.report.load import load
from senet_lab.report.picture import Layout, laid_out, layout
from senet_lab.report.row_styles import DEFAULT, PLAIN, row_styles
from senet_lab.report.views import measured_views
from senet_lab.study import Row, SESpec
from senet_lab.study.protocol import Dataset
from tests.report.test_write import COUNTS, PRINTED
from tests.samples import PLAIN as PLAIN_CELL
from tests.samples import PROTOCOL, SE, TABLE, comparison_of, filled, finished

NAMED = replace(TABLE, rows=(Row("plain", PLAIN_CELL, "ResNet-50"), Row("SE", SE, "SE-ResNet-50")))
TO_CIFAR10 = {Dataset.CIFAR10: {SE.backbone: SE.backbone}}
PRINTED_THRICE = [replace(one, table=table) for one in PRINTED for table in ("T97", "T98", "T99")]


@pytest.fixture
def comparison(tmp_path):
    """Table 99 with one seed a row, SE one point below the plain network, published 1.51 points below."""
    filled(tmp_path, finished(PLAIN_CELL, 0, 210), finished(SE, 0, 200))
    (view,) = measured_views(NAMED, [load(tmp_path, "results")])
    return comparison_of(view, PRINTED, COUNTS)


def test_a_row_has_one_colour_in_all_tables():
    """The plain network, the paper's block and r=8 look the same in both editions' tables and wherever they stand."""
    seen = {}
    for table in catalogue.tables():
        rows = [row for row in table.rows if row.cell.backbone == "resnet50"]
        if len(rows) == len(table.rows) and len({row.cell.se for row in rows}) == len(rows):
            for label, style in row_styles(table).items():
                se = table.row(label).cell.se
                key = None if se is None else replace(se, bias=False)
                assert seen.setdefault(key, style) == style, (table.name, label)

    assert len(seen) > 10
    assert seen[None] == PLAIN
    assert DEFAULT in seen.values()


@pytest.mark.parametrize("table", catalogue.tables(), ids=lambda table: table.slug)
def test_rows_of_a_table_look_different(table):
    """No two rows share colour, marker and filling, however many networks there are."""
    styles = [tuple(sorted(style.items())) for style in row_styles(table).values()]

    assert len(set(styles)) == len(styles)


def test_near_equal_costs_look_near_equal():
    """One percent of difference takes less than a twentieth of the axis; a doubling takes most of it."""
    low, high = limits([44.0, 44.4])
    assert 0.4 / (high - low) < 0.05
    low, high = limits([0.3, 0.6])
    assert 0.3 / (high - low) > 0.8


def test_layouts_do_not_replace_each_other(tmp_path, comparison, as_svg):
    """One column is 3.3 inches wide, and its files have a name of their own; without a heading the figure is lower."""
    assert (Layout().width, Layout(one_column=True).width) == (7.0, 3.3)
    names = set()
    for chosen in (Layout(), Layout(titled=False), Layout(one_column=True), Layout(False, True)):
        with laid_out(chosen):
            names |= {path.name for path in write_forest(comparison, tmp_path / "f" / "forest")}

    assert {"forest.svg", "forest-untitled.svg", "forest-one-column.svg", "forest-one-column-untitled.svg"} <= names
    assert len(names) == 8
    assert layout() == Layout()
    svg = (tmp_path / "f" / "forest-untitled.svg").read_text()
    assert "A sample" not in svg
    assert "A sample" in (tmp_path / "f" / "forest.svg").read_text()


def test_a_forest_shows_both_differences(tmp_path, comparison, every_format):
    """Measured with its half-width, published, seeds and verdict of each row that has a baseline."""
    (line,) = differences(comparison).to_dict("records")

    assert (line["row"], line["published_points"], line["measured_points"], line["seeds"]) == ("SE", -1.51, -1.0, 1)
    assert {".pdf", ".svg", ".png", ".csv"} == {
        path.suffix for path in write_forest_of_all([comparison, comparison], tmp_path / "f" / "all")
    }
    assert b"FontFile2" in (tmp_path / "f" / "all.pdf").read_bytes()


def test_a_forest_of_all_tables_names_the_data_of_what_it_draws(tmp_path, as_svg):
    """A table of baselines alone draws nothing, and one that was not measured has no mark that needs a name."""
    large = replace(PROTOCOL, name="large", dataset="cifar100", num_classes=100)
    other = replace(PROTOCOL, name="other", epochs=3)
    filled(tmp_path, *(finished(row.cell, 0, 200) for row in NAMED.under(other).rows))
    alone = replace(NAMED, number="98", rows=NAMED.rows[:1])
    sizes = (PLAIN_CELL, replace(SE, se=SESpec(reduction=8)))
    unmeasured = [replace(row, cell=replace(cell, protocol=large)) for row, cell in zip(NAMED.rows, sizes, strict=True)]
    tables = (alone, NAMED, replace(NAMED, number="97", rows=tuple(unmeasured), companions=TO_CIFAR10))
    loaded = [load(tmp_path, "results")]
    views = [view for table in tables for view in measured_views(table, loaded)]
    write_forest_of_all([comparison_of(view, PRINTED_THRICE, COUNTS) for view in views], tmp_path / "all")

    assert len(views) == 3
    assert "published on CIFAR-10" in (tmp_path / "all.svg").read_text()
    assert "CIFAR-100" not in (tmp_path / "all.svg").read_text()


def test_a_forest_of_a_companion_says_where_numbers_were_published(tmp_path, as_svg):
    """Its heading names the paper's data set; where nothing was published, as in a table of one's own, it does not."""
    said, other = "published on CIFAR-10", replace(PROTOCOL, name="other", epochs=3)
    filled(tmp_path, *(finished(row.cell, 0, 200) for row in NAMED.under(other).rows))
    (view,) = measured_views(NAMED, [load(tmp_path, "results")])
    write_forest(comparison_of(view, PRINTED, COUNTS), tmp_path / "published")
    write_forest(comparison_of(view, (), COUNTS), tmp_path / "own")

    assert said in (tmp_path / "published.svg").read_text()
    assert said not in (tmp_path / "own.svg").read_text()


def test_a_measured_mark_makes_room_for_a_published_one_alone(comparison):
    """It stands above the middle of its line where the figure has published marks, and on it where it has none."""
    frame = differences(comparison)

    def place(frame):
        ax = plot_forest(frame, [0], Figure().subplots())
        return ax.lines[0].get_ydata()[0]

    assert place(frame) == -BESIDE
    assert place(frame.assign(published_points=float("nan"))) == 0


def test_means_are_over_the_seeds_of_the_table(tmp_path):
    """The cost and the errors show SE at its mean in the table: over the seed that the plain network has too."""
    filled(tmp_path, finished(PLAIN_CELL, 0, 210), *(finished(SE, seed, 200 + 50 * seed) for seed in (0, 1)))
    (view,) = measured_views(NAMED, [load(tmp_path, "results")])
    (of_table,) = [summary.first.value for summary in view.rows if summary.row.label == "SE"]
    figures = [Figure().subplots() for _ in range(2)]
    plot_errors(errors(view), row_styles(view.table), figures[0], 1000)
    plot_cost(cost(view), "parameters_m", row_styles(view.table), figures[1], 1000)
    means = [{float(y) for bars in ax.containers for y in bars[0].get_ydata()} for ax in figures]

    assert (of_table, means) == (20.0, [{21.0, 20.0}, {21.0, 20.0}])
    assert figures[1].get_legend_handles_labels()[1] == ["plain (n = 1)", "SE (n = 1)"]
    assert [tick.get_text() for tick in figures[0].get_xticklabels()] == ["plain\nn = 1", "SE\nn = 1"]
    assert [line.get_ydata().tolist() for line in figures[0].lines if line.get_marker() == "x"] == [[], [25.0]]


def test_without_a_measurement_there_is_no_forest(tmp_path):
    """One row alone has no difference."""
    filled(tmp_path, finished(SE))
    (view,) = measured_views(NAMED, [load(tmp_path, "results")])

    assert write_forest(comparison_of(view, PRINTED, COUNTS), tmp_path / "forest") == []


def test_rows_name_their_baselines_where_one_baseline_has_another(tmp_path):
    """SE is compared with the plain network, and "third" with SE: the lines would look as if all had one baseline."""
    third = replace(SE, se=replace(SE.se, reduction=8))
    chain = replace(NAMED, rows=(*NAMED.rows, Row("third", third, baseline="SE")))
    filled(tmp_path, *(finished(cell) for cell in (PLAIN_CELL, SE, third)))
    (view,) = measured_views(chain, [load(tmp_path, "results")])
    frame = differences(comparison_of(view, PRINTED, COUNTS))
    shown = [text.get_text() for text in plot_forest(frame, range(2), Figure().subplots()).get_yticklabels()]
    of_pair = plot_forest(frame.iloc[:1], [0], Figure().subplots()).get_yticklabels()

    assert shown == ["SE against plain  (n = 1)", "third against SE  (n = 1)"]
    assert [text.get_text() for text in of_pair] == ["SE  (n = 1)"]


def test_the_forest_of_all_tables_leaves_out_rows_that_were_not_run(tmp_path, as_svg):
    """A row that has a published difference alone would only squeeze the others; its table's own plot has it."""
    third = replace(SE, se=SESpec(reduction=8))
    wide = replace(NAMED, rows=(*NAMED.rows, Row("third", third, "SE-ResNet-101")))
    filled(tmp_path, finished(PLAIN_CELL, 0, 210), finished(SE, 0, 200))
    (view,) = measured_views(wide, [load(tmp_path, "results")])
    compared = comparison_of(view, PRINTED, COUNTS)
    write_forest_of_all([compared, compared], tmp_path / "all")

    assert (tmp_path / "all.csv").read_text().count("SE,plain") == 2
    assert "not run" not in (tmp_path / "all.svg").read_text()
    assert "third" not in (tmp_path / "all.csv").read_text()
    assert "each row that was run, less its baseline" in (tmp_path / "all.svg").read_text()


@pytest.mark.parametrize(("seeds", "drawn"), [(1, 0), (2, 0), (3, 1)])
def test_the_mean_of_two_seeds_has_no_interval(tmp_path, seeds, drawn):
    """Two seeds that agree by chance would look most exact of all."""
    filled(tmp_path, *(finished(cell, seed, 200 + seed) for cell in (PLAIN_CELL, SE) for seed in range(seeds)))
    (view,) = measured_views(NAMED, [load(tmp_path, "results")])
    axes = plot_errors(errors(view), row_styles(NAMED), Figure().subplots(), 1_000)

    assert [sum(part.has_yerr for part in axes.containers)] == [2 * drawn]
