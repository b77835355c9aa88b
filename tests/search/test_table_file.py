"""Table files of rows with a user's own blocks: each loads the user's file, and its cells are those meant."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab import extensions
from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.models.of_cell import build_cell
from senet_lab.search.space import Point
from senet_lab.search.table_file import table_source
from senet_lab.study import Row, Table, own_block
from tests.tiny import TINY, cell

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_blocks" / "my_table.py"


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    """Stands for a new process; calling it stands for another one."""

    def forget():
        monkeypatch.setattr(extensions.registry, "_loaded", {})

    forget()
    return forget


def tuned(table):
    """The table with another recipe in each row."""
    rows = [
        replace(row, cell=replace(row.cell, protocol=Point(0.1 + 0.01 * i, 1e-4).under(row.cell.protocol)))
        for i, row in enumerate(table.rows)
    ]
    return replace(table, edition="searched-mine", rows=tuple(rows), companions={})


@pytest.fixture
def written(tmp_path):
    """The example in one folder of a project, its tuned table in another; the table that was meant."""
    mine, results = tmp_path / "project" / "mine", tmp_path / "project" / "results" / "search"
    mine.mkdir(parents=True)
    results.mkdir(parents=True)
    shutil.copy(EXAMPLE, mine)
    table = tuned(catalogue.find_table(str(mine / EXAMPLE.name)))
    (results / "tuned_table.py").write_text(table_source(table, "tuned", results))
    return table


def test_own_blocks_and_networks_come_along(written, tmp_path, nothing_loaded):
    """In a new process, after the project was moved: the same cells, and each block and network can be built."""
    nothing_loaded()
    (tmp_path / "project").rename(tmp_path / "moved")
    path = tmp_path / "moved" / "results" / "search" / "tuned_table.py"
    table = catalogue.find_table(str(path))

    assert written == table
    assert [row.cell.key for row in written.rows] == [row.cell.key for row in table.rows]
    for row in table.rows[1:6]:  # every block, in the user's own network, which is small
        build_cell(replace(row.cell, backbone="three_stages"), device="meta")
    assert (str(tmp_path / "moved" / "mine" / EXAMPLE.name), str(path)) == extensions.sources()
    assert {EXAMPLE.name} == set(extensions.digests(table.row("ECA, kernel 3").cell))
    assert {"my-cifar10"} == {protocol.name for protocol in extensions.own_protocols()}


def test_a_file_without_its_users_file_says_which_is_missing(written, tmp_path, nothing_loaded):
    """One line with both files."""
    nothing_loaded()
    (tmp_path / "project" / "mine" / EXAMPLE.name).unlink()
    with pytest.raises(StudyError, match=r"tuned_table\.py, line \d+: .*mine/my_table\.py is no Python file"):
        catalogue.find_table(str(tmp_path / "project" / "results" / "search" / "tuned_table.py"))


def test_an_installed_module_comes_along_by_its_name(tmp_path, monkeypatch, nothing_loaded):
    """And a table without own blocks brings nothing along, whatever is loaded."""
    (tmp_path / "table_file_blocks.py").write_text("BLOCKS = {'from_a_package': lambda site: None}\n")
    monkeypatch.syspath_prepend(tmp_path)
    extensions.load_extension("table_file_blocks")
    se = replace(cell(TINY), se=own_block("from_a_package", stages=(2, 3), integration="post", scale=0.5, why="a 'b'"))
    table = Table(edition="mine", number="1", topic="t", caption="c", baseline="a", rows=(Row("a", se),), companions={})
    plain = replace(table, rows=(Row("a", cell(TINY)),))
    path = tmp_path / "t.py"
    path.write_text(table_source(table, "t", tmp_path))
    nothing_loaded()

    assert table == catalogue.find_table(str(path))
    assert extensions.sources() == ("table_file_blocks", str(path))
    assert "load_extension" not in table_source(plain, "t", tmp_path)


def test_photos_of_ones_own_come_along(tmp_path, nothing_loaded):
    """Their protocols, and the file that says where the photos lie."""
    source = EXAMPLE.with_name("on_photos.py")
    table = replace(catalogue.find_table(str(source)), edition="searched-mine", companions={})
    table = replace(table, rows=tuple(row for row in table.rows if row.label == table.baseline))
    (tmp_path / "t.py").write_text(table_source(table, "t", tmp_path))
    nothing_loaded()

    assert table == catalogue.find_table(str(tmp_path / "t.py"))
    assert str(source) in extensions.sources()
