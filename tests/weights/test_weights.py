"""Weights of others: files read without running them, names of every known form, one line for what does not fit."""

import argparse
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from senet_lab.errors import StudyError
from senet_lab.models.registry import build_model
from senet_lab.study import SESpec
from senet_lab.weights import fitted, load_into, read_state
from senet_lab.weights.loading import LATER_STRIDE, PADDED_POOLING
from tests.samples import one_line

CIFAR, SMALL = "cifar_resnet20", "cifar_resnet11_bottleneck"


class Squeezed(nn.Module):
    """A layer named as moskomule's SELayer: two FC layers without biases at fc.0 and fc.2."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        layers = (
            nn.Linear(channels, channels // reduction, bias=False),
            nn.Linear(channels // reduction, channels, bias=False),
        )
        self.fc = nn.Sequential(layers[0], nn.ReLU(inplace=True), layers[1], nn.Sigmoid())

    def forward(self, x):
        s = self.fc(x.mean((2, 3)))
        return x * s[:, :, None, None]


class CifarUnit(nn.Module):
    """A basic unit with SE, named as in moskomule's CIFAR networks."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.se = Squeezed(width)
        plain = inside == width
        self.downsample = (
            nn.Identity()
            if plain
            else nn.Sequential(nn.Conv2d(inside, width, 1, stride, bias=False), nn.BatchNorm2d(width))
        )

    def forward(self, x):
        branch = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(self.se(branch) + self.downsample(x))


class MoskomuleCifar(nn.Module):
    """SE-ResNet-20 for CIFAR under moskomule's names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        inside = 16
        for number, width in enumerate((16, 32, 64)):
            units = []
            for index in range(3):
                units.append(CifarUnit(inside, width, 2 if index == 0 and number else 1))
                inside = width
            setattr(self, f"layer{number + 1}", nn.Sequential(*units))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


@pytest.fixture(scope="module")
def small() -> nn.Module:
    """A small network of ours with SE."""
    return build_model(SMALL, SESpec(reduction=4), 10, seed=3)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", ["w.pth", "w.PTH", "w.pth.tar", "w.pt", "w.ckpt", "W.SafeTensors"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.module."])
def test_every_suffix_and_prefix_gives_the_same_tensors(tmp_path, small, name, prefix):
    """Whatever the case of the suffix, and whatever a wrapper put before the names."""
    state = {prefix + key: tensor for key, tensor in small.state_dict().items()}
    (save_file if name.lower().endswith("safetensors") else lambda s, p: torch.save(s, p))(state, tmp_path / name)

    assert same(small.state_dict(), read_state(tmp_path / name))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_a_training_checkpoint_is_unwrapped(tmp_path, small, key):
    """Epoch, options and optimiser beside the weights are left alone; the older format of torch is read too."""
    content = {"epoch": 3, "args": argparse.Namespace(lr=0.1), key: small.state_dict(), "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "c.pth.tar", _use_new_zipfile_serialization=False)

    assert same(small.state_dict(), read_state(tmp_path / "c.pth.tar"))


def test_a_checkpoint_within_an_epoch_is_read(tmp_path, small):
    """Momentum and the states of random streams, which this project's checkpoints have beside it, are no weights."""
    state = {f"model.{name}": tensor.clone() for name, tensor in small.state_dict().items()}
    beside = {"momentum.stem.weight": torch.ones(2), "stream.0": torch.ones(16, dtype=torch.uint8)}
    save_file(state | beside, tmp_path / "c.safetensors")

    assert same(small.state_dict(), read_state(tmp_path / "c.safetensors"))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_executed(tmp_path, small):
    """A file whose reading would run code is refused, and the code does not run; nor is a whole module read."""
    torch.save({"state_dict": small.state_dict(), "trap": Trap(tmp_path / "ran")}, tmp_path / "a.pth")
    torch.save(small, tmp_path / "b.pt")

    for name in ("a.pth", "b.pt"):
        with pytest.raises(StudyError, match=r"would run code of the file; save model\.state_dict\(\) alone"):
            read_state(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_file_of_weights_is_one_line(tmp_path):
    """Missing, a folder, a FIFO, damage, emptiness, another kind: each is named, none hangs."""
    os.mkfifo(tmp_path / "fifo.pth")
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "nothing.ckpt").write_bytes(b"")
    (tmp_path / "text.safetensors").write_text("hello")
    torch.save({"epoch": 1}, tmp_path / "no-weights.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"a": torch.zeros(2), "b": 3}, tmp_path / "mixed.pth")
    torch.save({"a": torch.zeros(2)}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:300])
    for name, said in (
        ("gone.pth", "is missing"),
        ("fifo.pth", "no regular file"),
        ("folder.pt", "no regular file"),
        ("text.pth", "no checkpoint of torch"),
        ("nothing.ckpt", "no checkpoint of torch"),
        ("cut.pth", "no checkpoint of torch"),
        ("text.safetensors", "no safetensors file"),
        ("no-weights.pth", "no weights by name (it has 'epoch')"),
        ("list.pth", "no weights by name (it is list)"),
        ("mixed.pth", "'b' is no tensor but int"),
        ("w.onnx", "known are .safetensors, .pth"),
    ):
        with pytest.raises(StudyError) as refused:
            read_state(tmp_path / name)
        assert said in one_line(str(refused.value))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_named(tmp_path, small, value):
    """The tensor, and how many of its values."""
    state = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    state["classifier.weight"][0, :3] = value
    save_file(state, tmp_path / "w.safetensors")

    with pytest.raises(StudyError, match=r"'classifier.weight' has 3 of 2,560 values that are not finite"):
        read_state(tmp_path / "w.safetensors")


def test_moskomules_network_computes_what_ours_does_with_its_weights():
    """SE-ResNet-20 for CIFAR, FC layers at se.fc.0 and se.fc.2 without biases: equal logits in double precision."""
    torch.manual_seed(0)
    theirs = MoskomuleCifar().double().eval()
    ours = build_model(CIFAR, SESpec(reduction=4), 10).double().eval()
    report = load_into(ours, theirs.state_dict())
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)

    with torch.no_grad():
        assert torch.allclose(theirs(x), ours(x), rtol=0, atol=1e-12)
    assert (report.tensors, report.renamed, report.reshaped, report.departures) == (146, 146, 0, ())


def test_every_form_goes_into_every_other():
    """From our names to the release's and back gives the same tensors; FC layers become 1x1 convolutions and back."""
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        release = timm.create_model("legacy_seresnet50", num_classes=10)
        timms = timm.create_model("seresnet50", num_classes=10)
    ours = build_model("resnet50", SESpec(bias=True), 10, device="meta")
    forms = {"ours": ours, "release": release, "timm": timms}
    for source in forms.values():
        for target in forms.values():
            tensors, report = fitted(target, source.state_dict())
            assert {n: t.shape for n, t in target.state_dict().items()} == {n: t.shape for n, t in tensors.items()}
            assert report.reshaped == (0 if (source is ours) == (target is ours) else 32)


def test_the_report_says_where_the_networks_compute_otherwise():
    """torchvision's ResNet-50 has padded pooling and later strides; ResNeXt only the former; the release neither."""
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        resnet, resnext = (
            ResNet(Bottleneck, [3, 4, 6, 3]),
            ResNet(Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4),
        )
        release = timm.create_model("legacy_seresnet50")
        eighteen = ResNet(BasicBlock, [2, 2, 2, 2])
    ours = build_model("resnet50", None, device="meta")

    assert fitted(ours, resnet.state_dict())[1].departures == (PADDED_POOLING, LATER_STRIDE)
    assert fitted(build_model("resnext50", None, device="meta"), resnext.state_dict())[1].departures == (
        PADDED_POOLING,
    )
    assert fitted(build_model("resnet50", SESpec(bias=True), device="meta"), release.state_dict())[1].departures == ()
    assert fitted(eighteen, eighteen.state_dict())[1].departures == ()


def test_the_counter_of_batch_norm_may_be_missing(small):
    """Files of old releases have none; it is zero then."""
    state = {name: tensor for name, tensor in small.state_dict().items() if "num_batches" not in name}
    target = build_model(SMALL, SESpec(reduction=4), 10, seed=5)
    load_into(target, state)

    assert all(torch.equal(target.state_dict()[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.pop("stem.0.0.weight"), "1 name is missing ('stem.0.0.weight')"),
        (lambda s: s.update(extra=torch.zeros(1), other=torch.zeros(1)), "2 names are too many ('extra', 'other')"),
        (lambda s: s.update({"classifier.bias": torch.zeros(7)}), "'classifier.bias' has the shape (7,), where (10,)"),
        (lambda s: s.update({"classifier.bias": torch.tensor(1.0)}), "'classifier.bias' has no axes, where (10,)"),
        (lambda s: s.update({"classifier.bias": torch.zeros(10, dtype=torch.int8)}), "of type torch.int8"),
    ],
)
def test_what_does_not_fit_is_one_line_and_changes_nothing(small, spoil, said):
    """What of the names is missing or too many, and both shapes; the network is as before."""
    state = dict(build_model(SMALL, SESpec(reduction=4), 10, seed=4).state_dict())
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    spoil(state)
    with pytest.raises(StudyError) as refused:
        load_into(small, state)

    assert said in one_line(str(refused.value))
    assert same(before, small.state_dict())


def test_biases_and_blocks_that_one_side_lacks_are_said():
    """The line says what of the SESpec would make the weights fit."""
    plain, se, biased = (
        build_model(SMALL, spec, 10) for spec in (None, SESpec(reduction=4), SESpec(reduction=4, bias=True))
    )
    for model, state, said in (
        (se, biased, "bias=true"),
        (biased, se, "bias=false"),
        (se, plain, "the weights have no SE block there"),
    ):
        with pytest.raises(StudyError, match=said):
            load_into(model, state.state_dict())
