"""Files of a user's own: what they may hold, and how each mistake in them is told."""

import gc
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ablations import protocols
from senet_lab import extensions
from senet_lab.cli import catalogue, studies
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, SESpec, own_block
from senet_lab.study.cell import from_plain, to_plain
from senet_lab.study.protocol import Precision
from senet_lab.training.compiled import compiled_network
from senet_lab.training.progress import silent
from senet_lab.training.run import make, open_data
from senet_lab.training.settings import Settings
from senet_lab.training.step import forward
from tests.tiny import TINY

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_blocks" / "my_table.py"
CELL = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=TINY)
HEAD = "import torch\nfrom torch import nn\n"


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch):
    monkeypatch.setattr(extensions.registry, "_loaded", {})


@pytest.fixture
def example():
    """The example's extension."""
    return extensions.load_extension(str(EXAMPLE))


def test_the_example_takes_a_recipe_that_is_declared_later(monkeypatch):
    """Nothing in it names the recipes that it may be trained by: under another on CIFAR-10 every row is a network."""
    later = replace(protocols.CIFAR10, name="later", epochs=3)
    monkeypatch.setitem(protocols.PROTOCOLS, "later", later)
    table = studies.table_under(catalogue.find_table(str(EXAMPLE)), "later")

    assert {row.cell.protocol for row in table.rows} == {later}
    assert all(next(build_cell(row.cell, device="meta").parameters()).is_meta for row in table.rows)


@pytest.fixture
def on_photos():
    """The extension of the example with photos."""
    return extensions.load_extension(str(EXAMPLE.with_name("on_photos.py")))


def test_the_example_on_photos_is_about_the_folder_beside_it(on_photos):
    """By name, counts and digest, found without --data; its networks take the photos' size."""
    cells = {row.label: row.cell for row in on_photos.module.TABLE.rows}
    protocol = cells["plain"].protocol
    images, _ = next(iter(open_source(protocol, torch.device("cpu")).test_batches()))

    assert (protocol.name, protocol.train_images, protocol.test_images) == ("shapes-by-short", 48, 16)
    assert {label: tuple(build_cell(cell)(images).shape) for label, cell in cells.items()} == dict.fromkeys(
        cells, (16, 2)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what torch.compile warns about itself
@pytest.mark.parametrize("block", ["eca", "cbam_spatial", "se_hard_sigmoid"])
def test_the_examples_blocks_are_compiled_as_they_are_written(example, block):
    """In bf16 by torch's own compiler: the first step is compared with the step as written, and is finite."""
    protocol = replace(TINY, precision=Precision.BF16)
    model = channels_last(build_cell(Cell(backbone="three_stages", se=own_block(block), protocol=protocol))).train()
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    loss = forward(compiled_network(model), images.to(memory_format=torch.channels_last), protocol).square().mean()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.slow
def test_the_example_on_photos_trains(on_photos, tmp_path):
    """For an epoch; the record names the file."""
    cell = on_photos.module.TABLE.row("SE, r=16, 8, 4").cell
    run = Run(cell=replace(cell, protocol=replace(cell.protocol, epochs=1)), seed=0)
    record = make(run, open_data(run, Settings(), {}), Store(tmp_path), Settings(), silent)

    assert len(record.correct_top1) == 16
    assert {"on_photos.py": on_photos.sha256} == record.provenance.parts[0].extensions


def with_block(tmp_path, text, **parameters):
    """A cell whose block ``mine`` is declared by this text."""
    path = tmp_path / "mine.py"
    path.write_text(HEAD + text)
    extensions.load_extension(str(path))
    return replace(CELL, se=own_block("mine", **parameters))


def test_the_examples_rows_are_networks(example):
    """Parameters by hand: ECA has 3 weights at each of 9 sites, the spatial gate 98, the hard sigmoid those of SE."""
    counts = {
        row.label: sum(p.numel() for p in build_cell(row.cell).parameters())
        for row in example.module.TABLE.rows
        if row.cell.backbone != "three_stages"
    }

    assert counts["ECA, kernel 3"] - counts["plain"] == 9 * 3
    assert counts["CBAM, spatial"] - counts["plain"] == 9 * 2 * 49
    assert counts["SE"] == counts["SE, hard sigmoid"]


def test_cells_with_blocks_are_read_back(example):
    """From the JSON of a record; keys differ by block and by parameter and are those of old cells where there is SE."""
    cells = [row.cell for row in example.module.TABLE.rows]

    assert cells == [from_plain(Cell, json.loads(json.dumps(to_plain(cell, prose=True)))) for cell in cells]
    assert len(cells) == len({cell.key for cell in cells})
    assert replace(CELL, se=own_block("eca", kernel=3)).key != replace(CELL, se=own_block("eca", kernel=5)).key


@pytest.mark.parametrize("se", [None, SESpec(), own_block("eca", kernel=3)])
def test_the_backbone_draws_the_same_weights_whatever_the_block(example, se):
    """So that rows with own blocks are paired with SE rows; on the own network too."""
    for backbone in ("cifar_resnet11_bottleneck", "three_stages"):
        plain = build_cell(replace(CELL, backbone=backbone), seed=3).state_dict()
        other = build_cell(replace(CELL, backbone=backbone, se=se), seed=3).state_dict()

        assert all(torch.equal(tensor, other[name]) for name, tensor in plain.items() if name in other)
        assert len(plain) > 10


def test_equal_seeds_draw_equal_blocks(example):
    """And other seeds draw others; the global stream is left as it was."""
    cell = replace(CELL, se=own_block("eca", kernel=3))
    before = torch.random.get_rng_state()
    first, second, third = (build_cell(cell, seed).state_dict() for seed in (1, 1, 2))
    name = next(name for name in first if "conv.weight" in name and first[name].ndim == 3)

    assert torch.equal(first[name], second[name])
    assert not torch.equal(first[name], third[name])
    assert torch.equal(before, torch.random.get_rng_state())


BLOCKS = [
    ("BLOCKS = {'mine': 3}\n", r"mine.py, line 3: BLOCKS\['mine'\] is int; it must be a factory"),
    ("BLOCKS = {\n    'mine': 3}\n", r"mine.py, line 4: BLOCKS\['mine'\] is int; it must be a factory"),
    ("BLOCKS = [1]\n", r"mine.py, line 3: BLOCKS is no mapping"),
    (
        "def mine(site):\n    return 3\nBLOCKS = {'mine': mine}\n",
        r"mine.py, line 3: block 'mine' gives a int at SE_2_1, no nn.Module",
    ),
    (
        "def mine(site):\n    raise KeyError('width')\nBLOCKS = {'mine': mine}\n",
        r"mine.py, line 4: KeyError: 'width' \(block 'mine' at SE_2_1\)",
    ),
    (
        "def mine(site):\n    return nn.Conv2d(site.channels, 7, 1)\nBLOCKS = {'mine': mine}\n",
        r"makes a map of \(7, 6, 5\) from a map of \(64, 6, 5\) at SE_2_1",
    ),
    (
        "class M(nn.Module):\n    def forward(self, x):\n        return x + torch.ones(3)\n"
        "BLOCKS = {'mine': lambda site: M()}\n",
        r"mine.py, line 5: RuntimeError: .* \(block 'mine' at SE_2_1\)",
    ),
    (
        "BLOCKS = {'mine': lambda site, width: nn.Identity()}\n",
        r"mine.py, line 3: TypeError: .*'width' \(block 'mine' at SE_2_1\)",
    ),
    (
        "class M(nn.Module):\n    def forward(self, x):\n        return x[:, 1:]\n"
        "BLOCKS = {'mine': lambda site: M()}\n",
        r"mine.py, line 4: block 'mine' makes a map of \(63, 6, 5\)",
    ),
    (
        "class M(nn.Module):\n    def forward(self, x):\n        return x, x\nBLOCKS = {'mine': lambda site: M()}\n",
        r"mine.py, line 4: block 'mine' makes a tuple from a map of \(64, 6, 5\) at SE_2_1",
    ),
    (
        "class M(nn.Module):\n    def forward(self, x):\n        return 1 / 0 if self.training else x\n"
        "BLOCKS = {'mine': lambda site: M()}\n",
        r"mine.py, line 5: ZeroDivisionError: division by zero \(block 'mine' at SE_2_1\)",
    ),
    ("def f(:\n", r"mine.py, line 3: SyntaxError"),
    ("import no_such_module\n", r"mine.py, line 3: ModuleNotFoundError: No module named 'no_such_module'"),
    ("BLOCKS = {}\n", r"no block is called 'mine'"),
    ("NETWORKS = {'net': nn.Conv2d}\n", r"mine.py, line 3: NETWORKS\['net'\] is type; it must be an OwnNetwork"),
    ("PROTOCOLS = (3,)\n", r"mine.py, line 3: PROTOCOLS has a int; it must hold values of type Protocol"),
    ("DATASETS = {'a': 3}\n", r"mine.py, line 3: DATASETS\['a'\] is int; it must be a folder"),
]


@pytest.mark.parametrize(("text", "said"), BLOCKS)
def test_a_mistake_in_a_file_is_one_line(tmp_path, text, said):
    """It names the file, and the line where code broke."""
    with pytest.raises(StudyError, match=said) as raised:
        build_cell(with_block(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_a_mistake_leaves_nothing_that_turns_the_random_stream_back(tmp_path):
    """What remains of the error is collected at some later moment, when another run may be drawing."""
    text = "class M(nn.Module):\n    def forward(self, x):\n        return x + torch.ones(3)\n"
    with pytest.raises(StudyError) as raised:
        build_cell(with_block(tmp_path, text + "BLOCKS = {'mine': lambda site: M()}\n"))
    torch.manual_seed(7)
    drawn = torch.random.get_rng_state()
    del raised
    gc.collect()

    assert torch.equal(drawn, torch.random.get_rng_state())


def test_a_name_that_is_taken_is_refused(tmp_path, example):
    """By the file that has it; the same file twice is loaded once."""
    (tmp_path / "other.py").write_text("BLOCKS = {'eca': lambda site: None}\n")

    assert example is extensions.load_extension(str(EXAMPLE))
    with pytest.raises(StudyError, match=r"other.py, line 1: block 'eca' is taken by .*my_table.py; rename one"):
        extensions.load_extension(str(tmp_path / "other.py"))


NETWORKS = [
    (
        "class N(nn.Module):\n    def __init__(self, attend, k):\n        super().__init__()\n"
        "    def forward(self, x):\n        return x.mean((2, 3))\nNETWORKS = {'net': OwnNetwork(N, 32)}\n",
        r"mine.py, line 6: network 'net' makes \(2, 3\) of two images; it must make \(2, 10\)",
    ),
    (
        "class N(nn.Module):\n    def __init__(self, attend, k):\n        super().__init__()\n"
        "    def forward(self, x):\n        return x @ x\nNETWORKS = {'net': OwnNetwork(lambda a, k: N(a), 32)}\n",
        r"mine.py, line 8: TypeError: .*'k' \(network 'net'\)",
    ),
    (
        "class N(nn.Module):\n    def __init__(self, attend, k):\n        super().__init__()\n"
        "    def forward(self, x):\n        raise OSError('no')\nNETWORKS = {'net': OwnNetwork(N, 32)}\n",
        r"mine.py, line 7: OSError: no \(network 'net'\)",
    ),
    ("NETWORKS = {'cifar_resnet20': OwnNetwork(None, 32)}\n", r"mine.py, line 3: network 'cifar_resnet20' is taken"),
]


@pytest.mark.parametrize(("text", "said"), NETWORKS)
def test_a_mistake_in_a_network_is_one_line(tmp_path, text, said):
    """With file and line, and before anything is trained."""
    path = tmp_path / "mine.py"
    path.write_text(HEAD.replace("import", "from senet_lab.extensions import OwnNetwork; import", 1) + text)
    extension = extensions.load_extension(str(path))
    with pytest.raises(StudyError, match=said):
        build_cell(replace(CELL, backbone=next(iter(extension.networks)), se=None))


HEAD_OF_TABLE = """from dataclasses import replace
from ablations.protocols import CIFAR10, DEMO
from senet_lab.study import Cell, Protocol, Row, Table
def table(protocol):
    row = Row('a', Cell(backbone='cifar_resnet20', se=None, protocol=protocol))
    return Table(edition='mine', number='1', topic='t', caption='T', baseline='a', rows=(row,), companions={})
"""
THEIR_CLAIM = """from senet_lab.study.claim import Claim, Lower
TABLE, b = table(DEMO), Row('b', Cell(backbone='cifar_resnet56', se=None, protocol=DEMO))
CLAIMS = (Claim(name='theirs', table=TABLE, statement='s', source='t', parts=(Lower('b', 'a'),), rows=(b,)),)
"""
OWN_CLASS = "class P(Protocol):\n    pass\nTABLE = table(P(**{f: getattr(DEMO, f) for f in Protocol.__slots__}))\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TABLE = table(DEMO)\nPROTOCOLS = (replace(CIFAR10, epochs=2),)\n", "line 8: protocol 'cifar10' is taken"),
        ("TABLE = table(replace(CIFAR10, epochs=2))\n", "line 7: protocol 'cifar10' is taken"),
        (OWN_CLASS, "line 9: P is a class of this file"),
    ],
)
def test_recipes_that_records_could_not_keep_apart_are_refused(tmp_path, text, said):
    """One under the name of a declared one, in PROTOCOLS or in a row; and one of a class that only the file knows."""
    path = tmp_path / "mine.py"
    path.write_text(HEAD_OF_TABLE + text)
    with pytest.raises(StudyError, match=f"mine.py, {said}"):
        catalogue.find_table(str(path))


def test_an_installed_module_is_an_extension_too(tmp_path, monkeypatch):
    """By its name, in this process and in those that are told its name."""
    (tmp_path / "my_blocks.py").write_text(HEAD + "BLOCKS = {'mine': lambda site: nn.Identity()}\n")
    monkeypatch.syspath_prepend(tmp_path)
    extensions.load_extension("my_blocks")

    assert extensions.sources() == ("my_blocks",)
    assert {"my_blocks"} == set(extensions.digests(replace(CELL, se=own_block("mine"))))
    assert extensions.digests(CELL) == {}
    assert extensions.names_of_blocks() == ["mine"]
    with pytest.raises(StudyError, match="no_such_blocks: ModuleNotFoundError: No module named"):
        extensions.load_extension("no_such_blocks")


def test_a_package_does_not_take_a_declared_tables_name(tmp_path, monkeypatch):
    """The table and its claims are the declared ones, both; under a name of its own both are the package's."""
    (tmp_path / "their_tables.py").write_text(HEAD_OF_TABLE + THEIR_CLAIM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogue, "entry_points", lambda: {"table7": "their_tables", "theirs": "their_tables"})
    declared = [catalogue.find_table("table7"), *(claim.table for claim in catalogue.find_with_claims("table7")[1])]
    assert {table.slug for table in declared} == {"cvpr2018-table7"}
    table, claims = catalogue.find_with_claims("theirs")
    assert (table.edition, [claim.name for claim in claims]) == ("mine", ["theirs"])
