"""Ordinary mistakes in a user's file that once trained something else than its row says, or ended in a traceback."""

from dataclasses import replace

import pytest
import torch

from senet_lab import extensions
from senet_lab.cli import catalogue
from senet_lab.cli.own_code import of_other_code, warn_of_runs
from senet_lab.errors import StudyError
from senet_lab.fleet.gpu_capacity import has_random_parts
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.models.stochastic import draws_from_global_stream, set_stochastic_seed, set_stream_states, stream_states
from senet_lab.records.curves import curve_of
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, own_block
from senet_lab.training.compiled import compiled_network
from senet_lab.training.progress import silent
from senet_lab.training.run import make, open_data
from senet_lab.training.settings import Settings
from senet_lab.training.step import forward
from tests.samples import PART, PROVENANCE, filled, finished, one_line
from tests.tiny import TINY

CELL = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=TINY)
HEAD = "import torch\nfrom torch import nn\n"
BLOCKS = (
    HEAD
    + """
class Keeps(nn.Module):
    def forward(self, u):
        return u * self.factor(u)
    def factor(self, u):
        return u.mean((2, 3), keepdim=True).sigmoid()

class Adds(nn.Module):
    def gate(self, u):
        return u.mean((2, 3), keepdim=True).sigmoid()
    def forward(self, u):
        return u + u * self.gate(u)

class Flat(nn.Module):
    def gate(self, u):
        return u.mean((2, 3)).sigmoid()
    def forward(self, u):
        return u * self.gate(u)[:, :, None, None]

class PerPlace(nn.Module):
    def gate(self, u):
        return u.mean(1, keepdim=True).sigmoid()
    def forward(self, u):
        return u * self.gate(u)

class Double(nn.Module):
    def forward(self, u):
        return u.double()

KINDS = {"keeps": Keeps, "adds": Adds, "flat": Flat, "per_place": PerPlace, "double": Double}
BLOCKS = {name: (lambda site, kind=kind: kind()) for name, kind in KINDS.items()}
BLOCKS["drops"] = lambda site: nn.Dropout(0.2)
BLOCKS["nothing"] = lambda site: nn.Identity()
"""
)


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch):
    monkeypatch.setattr(extensions.registry, "_loaded", {})


@pytest.fixture
def loaded(tmp_path):
    """Loads a file with this text, as another version of the file where one is loaded already."""

    def load(text=BLOCKS):
        path = tmp_path / "mine.py"
        path.write_text(text)
        extensions.registry._loaded.clear()
        return extensions.load_extension(str(path))

    return load


@pytest.mark.parametrize(
    ("backbone", "block", "text"),
    [
        ("cifar_resnet11_bottleneck", own_block("keeps", stages=(9,)), "has no stage 9 with a site at"),
        ("cifar_resnet11_bottleneck", own_block("keeps", stages=(2, 9)), "has no stage 9"),
        ("vgg16", own_block("keeps", integration="pre"), "has no site at integration point 'pre'"),
    ],
)
def test_a_block_without_a_site_is_refused(loaded, backbone, block, text):
    """The row would be the plain network under the block's name, and its difference exactly zero."""
    loaded()
    with pytest.raises(ValueError, match=f"{backbone} {text}"):
        build_cell(replace(CELL, backbone=backbone, se=block), device="meta")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("adds", "forward\\(u\\) is not u \\* gate\\(u\\)"),
        ("flat", "with a factor B C 1 1 or B C H W"),
        ("double", "makes torch.float64 from torch.float32"),
    ],
)
def test_a_block_that_is_not_what_it_says_is_refused(loaded, name, text):
    """Its gates would be drawn and judged, although the network does not multiply by them."""
    loaded()
    with pytest.raises(StudyError, match=rf"mine.py, line \d+: block '{name}' at SE_2_1 .*{text}"):
        build_cell(replace(CELL, se=own_block(name)))


@pytest.mark.parametrize("name", ["keeps", "per_place", "nothing"])
def test_a_block_that_is_what_it_says_is_taken(loaded, name):
    """Without a gate, with one factor for each place, and one that leaves its places empty."""
    loaded()
    assert not draws_from_global_stream(build_cell(replace(CELL, se=own_block(name, stages=(2, 3)))))


def test_what_draws_from_the_global_stream_is_seeded(loaded):
    """A block with nn.Dropout draws the same at equal seeds, and its stream's state is kept and restored."""
    loaded()
    model = build_cell(replace(CELL, se=own_block("drops"))).train()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = []
    for seed in (1, 1, 2):
        set_stochastic_seed(model, seed)
        seen.append(model(images))

    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])

    states = stream_states(model)
    first = model(images)
    torch.rand(7)
    set_stream_states(model, states)
    assert torch.equal(first, model(images))
    assert has_random_parts(replace(CELL, se=own_block("drops")))
    assert not has_random_parts(replace(CELL, se=own_block("keeps")))


def test_a_run_with_dropout_is_determined_by_its_seed(loaded, tmp_path):
    """Whatever the process drew before: equal bits and equal losses."""
    loaded()
    run = Run(cell=replace(CELL, se=own_block("drops")), seed=1)
    found = []
    for number in range(2):
        torch.manual_seed(100 + number)
        store = Store(tmp_path / str(number))
        record = make(run, open_data(run, Settings(), {}), store, Settings(), silent)
        losses = [point.train_loss for point in curve_of(record, store)]
        found.append((record.correct_top1.unpack().tolist(), losses))

    assert len(found[0][1]) == TINY.epochs
    assert found[0] == found[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what torch.compile warns about itself
def test_compiled_code_draws_what_is_written(loaded):
    """The same numbers dropped at equal seeds, and others at another one."""
    loaded()
    model = channels_last(build_cell(replace(CELL, se=own_block("drops")))).train()
    network = compiled_network(model)
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)

    def logits(of, seed):
        set_stochastic_seed(model, seed)
        return forward(of, images, TINY)

    assert torch.equal(logits(network, 3), logits(network, 3))
    assert torch.allclose(logits(network, 3), logits(model, 3), atol=1e-5)
    assert not torch.allclose(logits(network, 3), logits(network, 4), atol=1e-3)


def test_an_edited_file_is_told_beside_its_old_records(loaded, tmp_path, capsys):
    """A key has the block's name alone, so the old record stands; the records of the same text are no news."""
    first = loaded()
    cell = replace(CELL, se=own_block("keeps"))
    part = replace(PART, extensions={first.name: first.sha256})
    record = replace(finished(cell), provenance=replace(PROVENANCE, parts=(part,)))

    assert of_other_code([record, finished(CELL)]) == []
    loaded(BLOCKS + "# edited\n")
    assert of_other_code([record, finished(CELL)]) == [record]
    warn_of_runs([record.run], filled(tmp_path / "results", record).root)
    assert one_line(capsys.readouterr().err).startswith(
        "warning: runs are recorded that were trained before mine.py was edited"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from ablations.protocols import CIFAR10\nPROTOCOLS = (CIFAR10)\n", "PROTOCOLS is a Protocol; .*(protocol,)"),
        ("CLAIMS = 'x'\n", "CLAIMS is a str"),
        ("CLAIMS = ['x']\n", "CLAIMS has a str; it must hold values of type Claim"),
    ],
)
def test_a_forgotten_comma_is_one_line(loaded, text, said):
    """With the file and the line."""
    with pytest.raises(StudyError, match=rf"mine.py, line \d: {said}"):
        loaded(text)


def test_claims_of_a_file_are_found(loaded):
    """In any collection; a file without them has none."""
    declared = "from ablations.claims import CLAIMS as DECLARED\n"
    for collection in ("list(DECLARED[:2])", "{one.name: one for one in DECLARED[:2]}.values()", "DECLARED[:2]"):
        assert loaded(f"{declared}CLAIMS = {collection}\n").claims == tuple(catalogue.claims()[:2])
    assert loaded(HEAD).claims == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_have_no_key(value):
    """They would end as a traceback when the key is made."""
    with pytest.raises(ValueError, match="it must be a finite number"):
        own_block("keeps", k=value)
    with pytest.raises(ValueError, match=r"weight_decay is .*; it must be a finite number"):
        replace(TINY, weight_decay=value)
