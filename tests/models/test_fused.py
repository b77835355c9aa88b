"""The fused way of compiled training gives what the written-out path gives: values, gradients, running statistics."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from senet_lab.models import fuse as fuse_module
from senet_lab.models import fused
from senet_lab.models.backbones import mobilenet, preresnet, shake, vgg
from senet_lab.models.backbones.mobilenet import MobileNet
from senet_lab.models.backbones.resnet import ResNet
from senet_lab.models.backbones.shake import ShakeNet
from senet_lab.models.backbones.vgg import VGG
from senet_lab.models.fuse import fuse
from senet_lab.models.initialise import initialise
from senet_lab.models.registry import build_model, se_blocks
from senet_lab.models.se_block import SEBlock
from senet_lab.models.sites import se_factory
from senet_lab.study import SESpec
from senet_lab.training.compiled import compiled_network
from tests.slow import slow_if

NETWORKS = {
    "cifar_resnet11_bottleneck": [None, {}, {"squeeze": "max"}, {"squeeze": "none"}, {"excitation": "conv1d"}],
    "cifar_resnet20": [None, {"gate": "tanh"}, {"stages": (3,)}, {"bias": True}],
    "cifar_preresnet110": [{"integration": "standard"}],
    "cifar_wrn16_8": [None],
    "resnet50": [{"integration": "conv3x3"}],
    "shufflenet": [{}],
}
POINTS = [("cifar_resnet11_bottleneck", {"integration": point}) for point in ("pre", "post", "identity", "conv3x3")]
LARGE = ("cifar_wrn16_8", "resnet50", "cifar_preresnet110")
CASES = [
    slow_if(name in LARGE, name, axes)
    for name, axes in [(name, axes) for name, every in NETWORKS.items() for axes in every] + POINTS
]
COMPILED = [("cifar_resnet11_bottleneck", {}), ("cifar_resnet20", {"gate": "relu", "integration": "conv3x3"})]


@pytest.fixture
def seen(monkeypatch):
    """Of every batch norm that takes the fused way: whether it takes a block and a ReLU along."""
    found = []

    def listen(x, norm, block=None, relu=False):
        found.append((block is not None, relu))
        return fused.normalise(x, norm, block, relu)

    monkeypatch.setattr(fuse_module, "normalise", listen)
    return found


def network(name, axes):
    se = None if axes is None else SESpec(**{"reduction": 16 if "excitation" in axes else 4} | axes)
    return unsettled(build_model(name, se, 10, seed=1))


def initialised(model):
    initialise(model, 1)
    return model


def unsettled(model):
    """In double precision, and batch norm not at 1 and 0, where a mistake would not show."""
    for part in model.double().train().modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(2))
            nn.init.normal_(part.bias, std=0.2, generator=torch.Generator().manual_seed(3))
    return model


def step(model, images, labels, call=None):
    """Loss, gradients and buffers of one training step of a network, or of another way through it."""
    loss = F.cross_entropy((call or model)(images), labels)
    loss.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    return loss.detach(), gradients, {name: buffer.clone() for name, buffer in model.named_buffers()}


def fused_step(model, images, labels):
    """The same by the fused network, without a compiler."""
    found = fuse(model)
    found.begin_step()
    return step(model, images, labels, found.network)


def batch(size, kind=torch.float64, number=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(number, 3, size, size, generator=generator, dtype=kind), torch.tensor([1, 0, 7])[:number]


def assert_same_step(expected, found):
    """Loss, every gradient and every running statistic, in double precision to 1e-8 of the largest."""
    assert torch.allclose(expected[0], found[0], rtol=1e-10)
    for one, same in zip(expected[1:], found[1:], strict=True):
        assert set(one) == set(same)
        for key, tensor in one.items():
            assert (tensor - same[key]).abs().max() <= 1e-8 * max(1e-3, float(tensor.abs().max())), key


@pytest.mark.parametrize(("name", "axes"), CASES, ids=lambda v: v if isinstance(v, str) else str(v).replace("'", ""))
def test_the_fused_network_takes_the_same_step(seen, name, axes):
    """In double precision, with every batch norm that stands in a sequence fused."""
    written, other = network(name, axes), network(name, axes)
    images, labels = batch(32 if name.startswith("cifar") else 64)
    expected = step(written, images, labels)
    assert seen == []
    found = fused_step(other, images, labels)

    assert len(seen) == sum(isinstance(part, nn.BatchNorm2d) for part in other.modules())
    assert_same_step(expected, found)


SMALL = {
    "pre-activation": (ResNet, replace(preresnet.FAMILY.layouts["cifar_preresnet110"], depths=(2, 1, 1)), 32),
    "shake": (ShakeNet, replace(shake.FAMILY.layouts["cifar_shake26_2x96d"], depths=(1, 1, 1), widths=(8, 16, 32)), 32),
    "mobilenet": (MobileNet, replace(mobilenet.FAMILY.layouts["mobilenet"], units=((64, 1), (128, 2))), 64),
    "vgg": (VGG, vgg.Layout(depths=(1, 2, 1, 1, 1), widths=(8, 8, 16, 16, 16), image_size=64), 64),
}


@pytest.mark.parametrize(("kind", "alone"), [("pre-activation", 0), ("shake", 3), ("mobilenet", 0), ("vgg", 0)])
def test_small_networks_of_other_families_take_the_same_step(seen, monkeypatch, kind, alone):
    """The shortcuts of a shake unit concatenate before their batch norm, which stands alone and stays as it is."""
    monkeypatch.setattr(vgg, "FC_WIDTH", 64)  # of layers that are never fused
    make, layout, size = SMALL[kind]
    models = [unsettled(initialised(make(layout, se_factory(SESpec(reduction=4)), 10))) for _ in range(2)]
    expected = step(models[0], *batch(size))
    found = fused_step(models[1], *batch(size))

    assert len(seen) == sum(isinstance(part, nn.BatchNorm2d) for part in models[1].modules()) - alone
    assert_same_step(expected, found)


@pytest.mark.parametrize(
    ("axes", "blocks"),
    [(None, 0), ({}, 3), ({"integration": "conv3x3"}, 3), ({"squeeze": "max"}, 0), ({"integration": "post"}, 0)],
)
def test_a_batch_norm_takes_the_block_behind_it_along(seen, axes, blocks):
    """Of 13 batch norms, those before an average squeeze; and the ReLU behind seven of them, after the block too."""
    found = fuse(network("cifar_resnet11_bottleneck", axes))
    found.begin_step()
    found.network(batch(32)[0])

    assert len(seen) == 13
    assert blocks == sum(block for block, _ in seen)
    assert sum(relu for _, relu in seen) == 7


def test_the_network_itself_is_left_as_it_is(seen):
    """It has the same parts as before, and the fused one its very weights and statistics."""
    model = network("cifar_resnet20", {})
    before = list(model.modules())
    found = fuse(model)

    assert before == list(model.modules())
    assert {id(p) for p in model.parameters()} == {id(p) for p in found.network.parameters()}
    assert {id(b) for b in model.buffers()} == {id(b) for b in found.network.buffers()}
    model(batch(32)[0])
    assert seen == []


def test_evaluation_takes_the_written_path(seen):
    """A fused network in evaluation gives the network's own bits; a part that is frozen stays so in training."""
    model = network("cifar_resnet20", {}).eval()
    found = fuse(model)
    found.begin_step()
    images = batch(32)[0]

    assert torch.equal(model(images), found.network(images))
    assert seen == []
    model.train().stages[1].eval()
    found.begin_step()
    torch.testing.assert_close(model(images), found.network(images), rtol=1e-9, atol=1e-9)
    assert 0 < len(seen) < 19
    assert int(model.stages[1][0].transform[0][1].num_batches_tracked) == 0


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("se", [None, SESpec(reduction=2, gate="tanh")])
def test_gradients_are_those_of_finite_differences(relu, se):
    """Of the map, of batch norm's scale and shift, and of the excitation's layers, in double precision."""
    norm = nn.BatchNorm2d(4).double()
    nn.init.normal_(norm.bias, generator=torch.Generator().manual_seed(1))
    block = None
    if se:
        block = SEBlock(4, se).double()
        block.reset(torch.Generator().manual_seed(2))
    x = torch.randn(3, 4, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3), requires_grad=True)
    weights = [*norm.parameters(), *(block.parameters() if block else ())]

    assert torch.autograd.gradcheck(lambda x, *_: fused.normalise(x, norm, block, relu), (x, *weights))


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_statistics_are_right_far_from_zero_and_in_bf16(offset):
    """A map whose mean is thirty times its spread: mean square less squared mean keeps four digits of the result."""
    norm, own = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
    x = torch.randn(16, 8, 8, 8, generator=torch.Generator().manual_seed(0)) + offset

    assert torch.allclose(norm(x), fused.normalise(x, own), atol=2e-3)
    assert torch.allclose(norm.running_var, own.running_var, rtol=1e-3)
    low = fused.normalise(x.bfloat16(), own)
    assert low.dtype is torch.bfloat16
    assert torch.allclose(norm(x.bfloat16()).float(), low.float(), atol=0.04)


def test_a_constant_channel_has_no_root_of_a_negative_number():
    """Where rounding takes the variance below zero it counts as zero."""
    x = torch.full((8, 2, 7, 7), 1000.1)

    assert torch.isfinite(fused.normalise(x, nn.BatchNorm2d(2))).all()


def compare_compiled(name, axes, device, kind, tolerance):
    """One step of the compiled network beside one of the written-out one."""
    model = network(name, axes).float().to(device).to(memory_format=torch.channels_last)
    other = copy.deepcopy(model)
    images, labels = (tensor.to(device) for tensor in batch(32, torch.float32, 3))
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device, torch.bfloat16, enabled=kind is torch.bfloat16):
        expected = step(model, images, labels)
        torch._dynamo.reset()
        loss = F.cross_entropy(compiled_network(other)(images), labels)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in other.named_parameters()}
    found = loss.detach(), gradients, dict(other.named_buffers())
    assert torch.allclose(expected[0], found[0], rtol=tolerance)
    for key, tensor in expected[2].items():
        assert torch.allclose(tensor.float(), found[2][key].float(), rtol=tolerance, atol=tolerance), key
    for key, tensor in expected[1].items():
        error = (tensor - found[1][key]).norm() / tensor.norm().clamp_min(1e-3)
        assert error < 20 * tolerance, key
    return se_blocks(model)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "axes"), COMPILED)
@pytest.mark.filterwarnings("ignore")  # of the compiler, about this machine
def test_a_compiled_network_takes_the_step_of_the_written_one(name, axes):
    """fp32 on the CPU: loss, statistics and gradients to 1e-4 and 2e-3."""
    assert compare_compiled(name, axes, "cpu", torch.float32, 1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_compiled_network_takes_the_step_of_the_written_one_on_cuda(kind):
    """In both precisions, to what each of them keeps."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for name, axes in COMPILED:
        compare_compiled(name, axes, "cuda", kind, 1e-3 if kind is torch.float32 else 3e-2)
