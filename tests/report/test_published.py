"""The transcribed numbers are complete, of one form, and say one thing about one cell."""

import csv
from collections import Counter, defaultdict

import pytest

from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.report.published import EDITIONS, FIELDS, load_published, of_table, published_table
from senet_lab.report.tables import published_block
from senet_lab.study.measure import ERROR, PRECISION

NUMBERS = load_published(catalogue.published_folder())
TABLES = [table for table in catalogue.tables() if table.of_the_paper]
TABLE7 = catalogue.find_table("table7")


def test_every_number_parses():
    """Each value is a positive number, a percentage below 100 where the unit says so."""
    assert len(NUMBERS) == 153 + 240
    for number in NUMBERS:
        assert 0 < float(number.value) < (100 if number.unit == "pct" else 1e6), number


def test_every_entry_is_of_one_form():
    """Edition, unit by metric, and confidence take known values; each edition lies in its own file."""
    units = {"params": "M", "gflops": "G", "mflops": "M", "cpu_inference_ms": "ms", "gpu_train_step_ms": "ms"}

    assert {"verified", "single-source"} == {number.confidence for number in NUMBERS}
    assert set(EDITIONS) == {number.edition for number in NUMBERS}
    assert [n for n in NUMBERS if units.get(n.metric, "pct") != n.unit] == []
    assert [n for n in NUMBERS if not (n.table and n.row and n.dataset and n.protocol)] == []
    for edition in EDITIONS:
        with open(catalogue.published_folder() / f"{edition}.csv", newline="") as file:
            assert {edition} == {line["edition"] for line in csv.DictReader(file)}


def test_no_number_is_there_twice():
    """One value for each edition, table, row, data set and metric."""
    counts = Counter((n.edition, n.table, n.row, n.dataset, n.metric) for n in NUMBERS)

    assert {1} == set(counts.values())


COMPARED = {ERROR: "top1_error", PRECISION: "map"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.slug)
def test_every_row_has_its_numbers(table):
    """Each row with a published name is in the paper's table of that number, with a top-1 error, or an AP."""
    printed = published_table(table, NUMBERS)
    assert len(table.rows) == sum(row.published is not None for row in table.rows)
    for row in table.rows:
        assert any(metric.startswith(COMPARED[table.measure]) for metric in printed.rows[row.label]), row.label


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.slug)
def test_every_published_row_is_asked_for(table):
    """No row is left out but those that quote other people's networks: SENet-154's tables and that of Places365."""
    printed = {number.row for number in of_table(NUMBERS, table)}
    declared = {row.published for row in table.rows}

    assert declared <= printed
    assert declared == printed or table.topic in ("sota", "larger-crops", "places365")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.slug)
def test_a_report_shows_every_published_error(table):
    """The published block has a column with top-1 errors, or APs, and a number in it for every row."""
    block = published_block(published_table(table, NUMBERS), {})
    columns = [i for i, name in enumerate(block.columns) if name.startswith(f"published {table.measure.first.short}")]

    assert columns
    assert all(any(line[i] != "–" for i in columns) for line in block.lines)


def _values_by_cell():
    """What the tables print for each cell and metric: (edition, topic, value)."""
    values = defaultdict(set)
    for table in TABLES:
        printed = published_table(table, NUMBERS)
        for row in table.rows:
            key = row.cell.key
            for metric, number in printed.rows[row.label].items():
                values[key, metric].add((table.edition, table.topic, number.value))
    return values


def test_one_cell_has_one_number_in_an_edition():
    """A baseline that several tables of an edition share has the same number in each of them.

    ResNet-50 and SE-ResNet-50 are shared: two numbers each in 2018, four each in the journal.
    """
    shared = 0
    for found in _values_by_cell().values():
        for edition in EDITIONS:
            printed = [value for where, _, value in found if where == edition]
            shared += len(printed) > 1
            assert len(set(printed)) <= 1, found

    assert shared == 12


def test_the_editions_agree_but_for_the_mobile_networks():
    """The journal trained MobileNet and ShuffleNet anew; every other cell of both editions has one number."""
    differing = [found for found in _values_by_cell().values() if len({value for _, _, value in found}) > 1]

    assert {"mobile"} == {topic for found in differing for _, topic, _ in found}


def test_one_recipe_has_one_name():
    """Cells of one protocol cite one published protocol within a table."""
    for table in TABLES:
        cited, printed = defaultdict(set), published_table(table, NUMBERS)
        for row in table.rows:
            cited[row.cell.protocol.name] |= {n.protocol for n in printed.rows[row.label].values()}

        assert {1} == {len(names) for names in cited.values()}, table.slug


@pytest.mark.parametrize(
    ("table", "row", "metric", "value"),
    [
        ("table7", "r=16", "top1_error", "23.29"),
        ("table7", "r=32", "params", "26.9"),
        ("tpami-table10", "r=8", "top5_error", "5.99"),
        ("tpami-table12", "ReLU", "top1_error", "23.47"),
        ("tpami-table14", "SE-POST", "top1_error", "22.78"),
        ("tpami-table16", "NoSqueeze", "gflops", "4.27"),
    ],
)
def test_numbers_as_printed(table, row, metric, value):
    """Some numbers read in the paper once more."""
    assert value == published_table(catalogue.find_table(table), NUMBERS).rows[row][metric].value


def test_the_last_digit_says_how_exact():
    """25.6 has one decimal, 3.86 two, 569 none."""
    decimals = {n.value: n.decimals for n in NUMBERS}

    assert (decimals["25.6"], decimals["3.86"], decimals["569"]) == (1, 2, 0)


GOOD = ",".join(FIELDS) + "\ntpami,T1,a,imagenet-val,top1_error,pct,1.0,p,verified,\n"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "it is not there; restore it from git"),
        ("a,b\n1,2\n", "its columns are not edition, table"),
        ("", "its columns are not edition, table"),
        (GOOD + "tpami,T1,b\n", "line 3: it has not 10 fields"),
        (
            GOOD + "tpami,T1,b,imagenet-val,top1_error,pct,1.0,p,verified,a note, with a comma\n",
            "line 3: it has not 10",
        ),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text, named):
    """One line that names the file."""
    (tmp_path / "cvpr2018.csv").write_text(GOOD)
    if text is not None:
        (tmp_path / "tpami.csv").write_text(text)

    with pytest.raises(StudyError, match=f"tpami.csv.*{named}"):
        load_published(tmp_path)


def test_table_7_is_compared_with_table_7():
    """The 2018 table of reduction ratios does not see the journal's, which has the same rows."""
    assert {"cvpr2018"} == {number.edition for number in of_table(NUMBERS, TABLE7)}
    assert len(of_table(NUMBERS, TABLE7)) == 15


def test_a_table_without_published_numbers_says_so():
    """That of a reproduction report, whose networks are counted here."""
    block = published_block(published_table(catalogue.find_table("light"), NUMBERS), {})

    assert block.title == "Computed from the networks"
    assert block.notes[0] == "No numbers are published for this table."
