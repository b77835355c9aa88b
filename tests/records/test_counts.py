"""The file of counts: what reports read instead of building networks."""

from pathlib import Path

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.errors import StudyError
from senet_lab.models.complexity import count_networks
from senet_lab.records.counts import FILE, missing_counts, read_counts, write_counts
from senet_lab.study.counts import network_key
from tests.samples import PLAIN, SE, counted

ROOT = Path(__file__).parents[2]
WITHOUT_POOLING = '{"x": {"trainable": 1, "statistics": 1, "operations": {"batch norm": 1}}}'
WITHOUT_END = WITHOUT_POOLING.replace('"batch norm": 1', '"batch norm": 1e999')


def test_counts_survive_their_file(tmp_path):
    """What was written is read; without a file there are none."""
    counts = {network_key(SE): counted(3, 2, 1), network_key(PLAIN): counted(2, 2, 1)}
    assert read_counts(tmp_path) == {}
    write_counts(tmp_path, counts)

    assert counts == read_counts(tmp_path)


def test_the_file_does_not_depend_on_the_order(tmp_path):
    """Sorted, one network a line, so that it merges."""
    write_counts(tmp_path / "a", {"x": counted(1, 1, 1), "y": counted(2, 2, 2)})
    write_counts(tmp_path / "b", {"y": counted(2, 2, 2), "x": counted(1, 1, 1)})

    assert (tmp_path / "a" / FILE).read_bytes() == (tmp_path / "b" / FILE).read_bytes()
    lines = (tmp_path / "a" / FILE).read_text().splitlines()
    assert [line.partition(': 1, "op')[0].partition(': 2, "op')[0] for line in lines] == [
        "{",
        ' "x": {"trainable": 1, "statistics"',
        ' "y": {"trainable": 2, "statistics"',
        "}",
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"x": 3}', '{"x": {"trainable": 3}}', '{"x": {"trainable": 1', "\xff", WITHOUT_POOLING, WITHOUT_END],
)
def test_a_damaged_file_is_refused(tmp_path, text):
    """One line that names it."""
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))

    with pytest.raises(StudyError, match=f"^{tmp_path / FILE}.*; delete it"):
        read_counts(tmp_path)


def test_only_networks_without_counts_are_missing():
    """A network is missing once, however many cells share it."""
    assert {network_key(SE): SE} == missing_counts([SE, PLAIN, SE], {network_key(PLAIN): counted(1, 1, 1)})


@pytest.mark.parametrize("names", [["table7"], pytest.param(None, marks=pytest.mark.slow)], ids=["table7", "all"])
def test_the_committed_counts_are_those_of_the_networks(names):
    """Counted anew, with the companions on 32 x 32 images: a changed network changes this file."""
    committed = read_counts(ROOT / "results")
    tables = [catalogue.find_table(name) for name in names] if names else catalogue.tables()
    demo = [
        studies.table_under(table, "demo") for table in tables if "resnet50" in table.companions.get("synthetic", {})
    ]
    computed = count_networks(row.cell for table in (*tables, *demo) for row in table.rows)

    assert computed == {key: committed[key] for key in computed}
