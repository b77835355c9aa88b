"""The file of counts: what reports read instead of building networks."""

from pathlib import Path

import pytest

from senet_lab import catalogue
from senet_lab.errors import StudyError
from senet_lab.models.complexity import complexity
from senet_lab.models.registry import build_model
from senet_lab.records.complexities import FILE, missing_counts, read_counts, write_counts
from senet_lab.study.counts import Counts, network_key
from tests.samples import PLAIN, SE

ROOT = Path(__file__).parents[2]


def test_counts_survive_their_file(tmp_path):
    """What was written is read; without a file there are none."""
    counts = {network_key(SE): Counts(3, 2, 1), network_key(PLAIN): Counts(2, 2, 1)}
    assert read_counts(tmp_path) == {}
    write_counts(tmp_path, counts)

    assert counts == read_counts(tmp_path)


def test_the_file_does_not_depend_on_the_order(tmp_path):
    """Sorted, one network a line, so that it merges."""
    write_counts(tmp_path / "a", {"x": Counts(1, 1, 1), "y": Counts(2, 2, 2)})
    write_counts(tmp_path / "b", {"y": Counts(2, 2, 2), "x": Counts(1, 1, 1)})

    assert (tmp_path / "a" / FILE).read_bytes() == (tmp_path / "b" / FILE).read_bytes()
    assert (tmp_path / "a" / FILE).read_text() == (
        '{\n "x": {"trainable": 1, "statistics": 1, "multiply_adds": 1},\n'
        ' "y": {"trainable": 2, "statistics": 2, "multiply_adds": 2}\n}\n'
    )


@pytest.mark.parametrize("text", ["", "[]", '{"x": 3}', '{"x": {"trainable": 3}}', '{"x": {"trainable": 1', "\xff"])
def test_a_damaged_file_is_refused(tmp_path, text):
    """One line that names it."""
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))

    with pytest.raises(StudyError, match=f"{tmp_path / FILE} is damaged .*; delete it"):
        read_counts(tmp_path)


def test_only_networks_without_counts_are_missing():
    """A network is missing once, however many cells share it."""
    assert {network_key(SE): SE} == missing_counts([SE, PLAIN, SE], {network_key(PLAIN): Counts(1, 1, 1)})


def test_the_committed_counts_are_those_of_the_networks():
    """Table 7 and its demonstration, counted anew: a changed network changes this file."""
    committed = read_counts(ROOT / "results")
    table = catalogue.find_table("table7")
    cells = [row.cell for t in (table, catalogue.table_under(table, "demo")) for row in t.rows]
    computed = {
        network_key(cell): complexity(
            build_model(cell.backbone, cell.se, cell.protocol.num_classes, device="meta"), cell.protocol.image_size
        )
        for cell in cells
    }

    assert computed == {key: committed[key] for key in computed}
