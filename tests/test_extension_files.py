"""Several files of a user's own: what they may not share, and whose text a record's digest is of."""

import hashlib

import pytest

from senet_lab import extensions
from senet_lab.cli import catalogue, studies
from senet_lab.errors import StudyError
from senet_lab.study import Cell, own_block
from tests.samples import one_line
from tests.tiny import TINY

BLOCK = """
from torch import nn

def nothing(site):
    return nn.Identity()
"""
RECIPE = """
from dataclasses import replace
from ablations.protocols import CIFAR10
from senet_lab.study import Cell, Row, Table

MINE = replace(CIFAR10, name={name!r}, epochs={epochs})
PROTOCOLS = ({recipes})
TABLE = Table(
    edition="mine", number="1", topic="mine", caption="Mine", baseline="plain", companions={{}},
    rows=(Row("plain", Cell(backbone="cifar_resnet20", se=None, protocol=CIFAR10)),),
)
"""
CELL = Cell(backbone="cifar_resnet20", se=own_block("nothing"), protocol=TINY)


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch):
    monkeypatch.setattr(extensions.registry, "_loaded", {})


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_files_that_load_each_other_are_one_line(tmp_path):
    """By way of another file, too; each alone can be loaded afterwards."""
    load = "from senet_lab.extensions import load_extension\nload_extension({!r})\n"
    a, b, c = (tmp_path / f"{name}.py" for name in "abc")
    a.write_text(load.format(str(b)))
    b.write_text(load.format(str(a)))
    c.write_text(load.format(str(c)))
    for path in (a, c):
        with pytest.raises(StudyError, match="loads itself, or a file that loads it"):
            extensions.load_extension(str(path))
    b.write_text(BLOCK)

    assert extensions.load_extension(str(a)).source == str(a)


def test_recipes_of_one_name_in_two_files_are_refused(tmp_path):
    """The later one would be trained under the name of the other. The same recipe twice is one."""
    for name, epochs in (("a", 2), ("b", 2), ("c", 3)):
        (tmp_path / f"{name}.py").write_text(RECIPE.format(name="mine", epochs=epochs, recipes="MINE, MINE"))
    for name in ("a", "b"):
        extensions.load_extension(str(tmp_path / f"{name}.py"))
    with pytest.raises(StudyError, match=r"c\.py.*there is another recipe called 'mine'; rename one"):
        extensions.load_extension(str(tmp_path / "c.py"))
    twice = RECIPE.format(name="twice", epochs=2, recipes="MINE, replace(MINE, epochs=3)")
    (tmp_path / "d.py").write_text(twice)
    with pytest.raises(StudyError, match="another recipe called 'twice'"):
        extensions.load_extension(str(tmp_path / "d.py"))


def test_a_file_that_a_table_loads_does_not_replace_a_declared_recipe(tmp_path):
    """Its table's --protocol cifar10 would train two epochs."""
    (tmp_path / "b.py").write_text(RECIPE.format(name="cifar10", epochs=2, recipes="MINE,"))
    loads = f"from senet_lab.extensions import load_extension\nload_extension({str(tmp_path / 'b.py')!r})\n"
    (tmp_path / "my_table.py").write_text(loads + RECIPE.format(name="own", epochs=2, recipes="MINE,"))
    with pytest.raises(StudyError) as refused:
        studies.table_under(catalogue.find_table(str(tmp_path / "my_table.py")), "cifar10")

    assert one_line(str(refused.value)).startswith(f"{tmp_path / 'b.py'}, line ")
    assert "protocol 'cifar10' is taken by a declared recipe" in str(refused.value)


def test_the_digest_is_of_the_file_and_of_what_its_blocks_are_from(tmp_path, monkeypatch):
    """A single file has its own; a file beside it counts when a block is from there; of a package every file counts."""
    monkeypatch.syspath_prepend(str(tmp_path))
    alone = BLOCK + 'BLOCKS = {"nothing": nothing}\n'
    (tmp_path / "alone.py").write_text(alone)
    (tmp_path / "parts_of_it.py").write_text(BLOCK)
    table = 'from parts_of_it import nothing\nBLOCKS = {"another": nothing}\n'
    (tmp_path / "table.py").write_text(table)
    package = tmp_path / "digested_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "blocks.py").write_text(BLOCK)

    assert extensions.load_extension(str(tmp_path / "alone.py")).sha256 == sha256(alone)
    both = [sha256(BLOCK), sha256(table)]  # by the names of their files
    assert extensions.load_extension(str(tmp_path / "table.py")).sha256 == sha256(" ".join(both))
    of_package = extensions.load_extension("digested_package").sha256
    assert of_package == sha256(f"{sha256('')} {sha256(BLOCK)}")
    assert extensions.digests(CELL) == {"alone.py": sha256(alone)}


def test_files_of_one_name_have_a_digest_each(tmp_path):
    """A network from one and a block from the other: both are in the record, by their folders."""
    network = (
        "from senet_lab.extensions import OwnNetwork\n"
        "NETWORKS = {'mine': OwnNetwork(build=lambda attend, classes: None, image_size=32)}\n"
    )
    texts = {"a": BLOCK + 'BLOCKS = {"nothing": nothing}\n', "b": network}
    for folder, text in texts.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "blocks.py").write_text(text)
        extensions.load_extension(str(tmp_path / folder / "blocks.py"))

    found = extensions.digests(Cell(backbone="mine", se=own_block("nothing"), protocol=TINY))
    assert found == {f"{folder}/blocks.py": sha256(text) for folder, text in texts.items()}
