"""What the front page shows of the records."""

import re

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.report.load import load
from senet_lab.report.readme import index, write_readmes
from senet_lab.study.counts import network_key
from tests.samples import counted, filled, finished, report_of_views

TABLE7 = catalogue.find_table("table7")


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ({"cifar10-quick": 5}, ["cifar10-quick"]),
        ({"cifar10-quick": 5, "cifar10-short": 5}, ["cifar10-short"]),  # ten epochs, not two
        ({"cifar10-quick": 5, "cifar10-short": 4}, ["cifar10-quick"]),
        ({"cifar10-quick": 2, "cifar10-short": 2, "cifar10": 1}, ["cifar10-quick", "cifar10-short"]),
    ],
)
def test_the_front_page_has_the_longest_schedule_that_measured_every_row(tmp_path, rows, shown):
    """Of table 7. Until a schedule has measured every row, all that have measured two."""
    cells = [row.cell for name, count in rows.items() for row in studies.table_under(TABLE7, name).rows[:count]]
    every = {row.cell for name in (None, *rows) for row in studies.table_under(TABLE7, name).rows}
    counts = {network_key(cell): counted(1, 1, 1) for cell in every | {row.cell for row in TABLE7.rows}}
    filled(tmp_path / "results", *(finished(cell) for cell in cells))
    loaded = load(tmp_path / "results", "results")
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results -->\n<!-- /results -->\n")
    write_readmes(readme, tmp_path / "results", [report_of_views(TABLE7, [loaded], counts=counts)], [], [], [])

    assert shown == re.findall(r"; (cifar10[a-z-]*): CIFAR-10", readme.read_text())


@pytest.mark.parametrize(("rows", "shown"), [(1, "cifar10-quick (one row)"), (2, "cifar10-quick")])
def test_the_index_says_where_one_row_alone_was_measured(tmp_path, rows, shown):
    """A row that another table shares is no comparison."""
    table = studies.table_under(TABLE7, "cifar10-quick")
    counts = {network_key(cell): counted(1, 1, 1) for cell in (*table.cells, *TABLE7.cells)}
    filled(tmp_path, *(finished(cell) for cell in table.cells[:rows]))
    (line,) = index([report_of_views(TABLE7, [load(tmp_path, "results")], counts=counts)]).splitlines()[2:]

    assert line.split(" | ")[1] == shown
