"""Blocks and networks of a user's own that are sound, and were once trained otherwise than their row says."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from senet_lab import extensions, load
from senet_lab.errors import StudyError
from senet_lab.evaluation.networks import open_network
from senet_lab.excitations.recorded_runs import best
from senet_lab.models.blocks import gated_blocks
from senet_lab.models.gate_taps import gate_taps, tapped
from senet_lab.models.of_cell import build_cell, can_be_built
from senet_lab.models.registry import build_model, model_names
from senet_lab.models.se_block import SEBlock
from senet_lab.study import Cell, SESpec, own_block
from senet_lab.study.cell import derive_seed
from senet_lab.study.se import Gate, Integration
from senet_lab.training.final_weights import weights_path
from senet_lab.weights.names import classes_of
from tests.samples import SE, filled, finished
from tests.tensors import assert_same_tensors
from tests.tiny import TINY

CELL = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=TINY)
TEXT = """
import torch
from torch import nn
from senet_lab.models.sites import Site
from senet_lab.extensions import OwnNetwork
from senet_lab.models.se_block import SEBlock
from senet_lab.study import SESpec
from senet_lab.study.se import Integration

class Tanh(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
    def forward(self, u):
        return torch.tanh(u + self.conv(u))

class PerChannel(nn.Module):
    name = "mine"
    def __init__(self, channels):
        super().__init__()
        self.w = nn.Parameter(torch.randn(channels))
    def gate(self, u):
        return self.w.sigmoid()[None, :, None, None]
    def forward(self, u):
        return u * self.gate(u)

class Aside(PerChannel):
    def forward(self, u):
        return u * self.w.sigmoid()[None, :, None, None]

class Grid(Tanh):
    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("grid", torch.zeros(0))
    def forward(self, u):
        if self.grid.shape != u.shape[2:]:
            self.grid = torch.zeros(u.shape[2:])
        return super().forward(u + self.grid)

class Extra(Tanh):
    def get_extra_state(self):
        return {"count": 1}

class Kind(PerChannel):
    gate_kind = "hard_sigmoid"

class Net(nn.Module):
    def __init__(self, attend, classes):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.at = attend(Site(stage=2, unit=1, point=Integration.STANDARD, channels=8))
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.free = nn.Parameter(torch.randn(8))
        self.last = nn.Linear(8, classes)
    def forward(self, x):
        return self.last(self.up(self.at(self.first(x))).mean((2, 3)) * self.free)

class Around(nn.Module):
    gate_kind = "double_sigmoid"
    def __init__(self, channels):
        super().__init__()
        self.se = SEBlock(channels, SESpec(reduction=4))
    def gate(self, u):
        return 2 * self.se.gate(u)
    def forward(self, u):
        return u * self.gate(u)

class Trained(Net):
    def __init__(self, attend, classes):
        super().__init__(attend, classes)
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(0.5)

class Looking(Net):
    def __init__(self, attend, classes):
        super().__init__(attend, classes)
        self.norm = nn.BatchNorm2d(3)
        self.norm(torch.ones(2, 3, 4, 4))

class Setting(Trained):
    def reset(self, generator):
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.25)

BLOCKS = {
    "around": lambda site: Around(site.channels),
    "tanh": lambda site: Tanh(site.channels),
    "per_channel": lambda site: PerChannel(site.channels),
    "aside": lambda site: Aside(site.channels),
    "grid": lambda site: Grid(site.channels),
    "extra": lambda site: Extra(site.channels),
    "kind": lambda site: Kind(site.channels),
}
NETWORKS = {name: OwnNetwork(build=kind, image_size=32) for name, kind in
            (("net", Net), ("trained", Trained), ("looking", Looking), ("setting", Setting))}
"""


@pytest.fixture(autouse=True)
def _loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(extensions.registry, "_loaded", {})
    path = tmp_path / "mine.py"
    path.write_text(TEXT)
    extensions.load_extension(str(path))


@pytest.mark.parametrize("se", [SESpec(reduction=4), own_block("per_channel")])
def test_layers_without_a_rule_draw_the_same_weights_whatever_the_block(se):
    """They draw from the stream of the network's own code, after the site: rows stay paired."""
    plain = build_cell(replace(CELL, backbone="net"), 3).state_dict()
    other = build_cell(replace(CELL, backbone="net", se=se), 3).state_dict()

    assert {"up.weight", "free"} < set(plain) < set(other)
    assert all(torch.equal(tensor, other[name]) for name, tensor in plain.items())


def test_layers_below_a_parameter_without_a_rule_are_drawn_as_everywhere():
    """The network's own parameter keeps its value; the SE block and the layers beside it have this project's rules."""
    model = build_cell(replace(CELL, backbone="net", se=SESpec(reduction=4)), 3)
    alone = SEBlock(8, SESpec(reduction=4))
    alone.reset(torch.Generator().manual_seed(derive_seed(3, "init", "at")))

    assert_same_tensors(dict(model.at.state_dict()), dict(alone.state_dict()))
    assert torch.count_nonzero(model.first.bias) == torch.count_nonzero(model.last.bias) == 0
    assert 0.005 < model.last.weight.std() < 0.015  # of 0.01; torch's own draw has about 0.2


@pytest.mark.parametrize("point", Integration)
@pytest.mark.parametrize("backbone", ["cifar_resnet11_bottleneck", "cifar_resnet20", "cifar_preresnet110"])
def test_a_block_may_save_its_output_for_its_gradient(backbone, point):
    """As tanh, sigmoid and ReLU do, at every place: nothing behind the block changes that output."""
    model = build_cell(replace(CELL, backbone=backbone, se=own_block("tanh", integration=point)))
    model(torch.randn(2, 3, 32, 32)).sum().backward()

    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_block_around_another_is_one_block():
    """The SE block inside is a part of its gate: each place is heard once, on the outer block's scale."""
    taps = gate_taps(build_cell(replace(CELL, se=own_block("around"))))

    assert len(taps) == len(gate_taps(build_cell(replace(CELL, se=SESpec(reduction=4)))))
    assert {tap.gate for tap in taps} == {Gate.DOUBLE_SIGMOID}


def test_a_network_that_brings_trained_weights_is_refused():
    """They would be drawn anew without a word; one whose class sets its weights keeps what it sets."""
    with pytest.raises(StudyError, match=r"'trained' brings trained weights \(batch norm 'norm' has seen images\)"):
        build_cell(replace(CELL, backbone="trained"))
    assert (build_cell(replace(CELL, backbone="setting")).first.weight == 0.25).all()
    assert build_cell(replace(CELL, backbone="looking")).norm.running_mean.count_nonzero() == 0


def test_a_gate_for_all_images_is_heard_for_each():
    """1 C 1 1 stands for every image of the batch. Each block is heard under a name of its own."""
    model = build_cell(replace(CELL, se=own_block("per_channel"))).eval()
    taps, heard = gate_taps(model), {}
    with torch.no_grad(), tapped(taps, lambda index, s: heard.setdefault(taps[index].name, s)):
        model(torch.randn(5, 3, 32, 32))

    assert list(heard) == list(gated_blocks(model)) == ["mine", "SE_3_1", "SE_4_1"]
    assert [tuple(s.shape) for s in heard.values()] == [(5, 64), (5, 128), (5, 256)]


def test_a_gate_that_forward_does_not_call_is_refused():
    """It has the right values, but nobody could read them as they are used."""
    with pytest.raises(StudyError, match=r"mine.py, line 28: .* its forward does not call"):
        build_cell(replace(CELL, se=own_block("aside")))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("grid", "keeps grid, whose shape follows that of the map, so that no checkpoint could be loaded"),
        ("extra", r"has state that is no tensor \(_extra_state\); keep it in a buffer"),
        ("kind", "has gate_kind 'hard_sigmoid'; it must be one of sigmoid, tanh, relu, double_sigmoid"),
    ],
)
def test_state_that_no_checkpoint_could_hold_is_refused(block, said):
    """And a kind of gate that is none, before training; otherwise the first save or evaluation would end it."""
    with pytest.raises(StudyError, match=rf"mine\.py, line \d+: .*{said}"):
        build_cell(replace(CELL, se=own_block(block)))


def test_two_gates_of_one_name_are_both_heard():
    """The later one goes by its path."""
    model = nn.Sequential(SEBlock(8, SESpec(reduction=4)), nn.Sequential(SEBlock(8, SESpec(reduction=2))))

    assert {name: block is not model[0] for name, block in gated_blocks(model).items()} == {"SE": False, "1.0": True}


def test_ratios_for_stages_that_are_not_there_are_refused():
    """On a network of one's own as on this project's."""
    with pytest.raises(ValueError, match="net has 1 stages with blocks, stage_reductions has 4"):
        build_cell(replace(CELL, backbone="net", se=SESpec(stage_reductions=(4, 8, 16, 32))))


def test_a_network_that_is_not_loaded_is_one_line(monkeypatch):
    """And says how to name it."""
    monkeypatch.setattr(extensions.registry, "_loaded", {})
    with pytest.raises(StudyError, match=r"no network is called 'net'; .* as in my_table.py:ROW"):
        build_cell(replace(CELL, backbone="net"))


def test_the_best_run_is_one_that_can_be_built(monkeypatch, tmp_path):
    """Runs with code of one's own are passed over where that is not loaded."""
    own = [replace(SE, se=own_block("per_channel")), replace(SE, backbone="net")]
    records = [finished(SE, 0, 300), *(finished(cell, 0, 100 + place) for place, cell in enumerate(own))]
    store = filled(tmp_path, *records)
    for record in records:
        path = weights_path(record.run, store)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    assert best(store) == records[1].run
    monkeypatch.setattr(extensions.registry, "_loaded", {})

    assert best(store) == records[0].run
    assert [can_be_built(record.run.cell) for record in records] == [True, False, False]


def test_weights_of_a_network_that_computes_something_else_are_told(tmp_path):
    """To whom loads them, and beside the number of an evaluation."""
    torchvision = pytest.importorskip("torchvision")
    path = tmp_path / "resnet50.pth"
    torch.save(torchvision.models.resnet50(weights=None).state_dict(), path)
    with pytest.warns(UserWarning, match=r"resnet50.pth: .*(stride|pool)"):
        load(str(path), network="resnet50:plain")

    assert open_network("senet_lab:resnet50:plain", path).weights.startswith("file resnet50.pth; ")


@pytest.mark.parametrize("name", model_names())
def test_every_networks_classes_are_read_from_its_weights(name):
    """Of other numbers than ImageNet's, too."""
    assert classes_of(build_model(name, None, 7, device="meta").state_dict()) == 7


def test_designs_are_searched_for_networks_of_this_project():
    """One of a user's own is refused in one line."""
    space_of = pytest.importorskip("senet_lab.search.design").space_of
    with pytest.raises(StudyError, match="'net' is none of them"):
        space_of("net", 10)


def test_the_file_declares_blocks_and_a_network():
    """Otherwise the tests here would prove nothing."""
    assert all(extensions.find_block(name) is not None for name in ("tanh", "per_channel", "aside"))
    assert isinstance(build_cell(replace(CELL, backbone="net")), nn.Module)
