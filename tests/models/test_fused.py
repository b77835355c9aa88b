"""The fused way of compiled training gives what the written-out path gives: values, gradients, running statistics."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from senet_lab.models import fused
from senet_lab.models.registry import build_model, se_blocks
from senet_lab.models.se_block import SEBlock
from senet_lab.study import SESpec
from senet_lab.training.epoch import compiled_network

NETWORKS = {
    "cifar_resnet11_bottleneck": [None, {}, {"squeeze": "max"}, {"squeeze": "none"}, {"excitation": "conv1d"}],
    "cifar_resnet20": [None, {"gate": "tanh"}, {"stages": (3,)}, {"bias": True}],
    "cifar_preresnet110": [{"integration": "standard"}],
    "cifar_wrn16_8": [None],
    "resnet50": [{"integration": "conv3x3"}],
}
POINTS = [("cifar_resnet11_bottleneck", {"integration": point}) for point in ("pre", "post", "identity", "conv3x3")]
CASES = [(name, axes) for name, every in NETWORKS.items() for axes in every] + POINTS
COMPILED = [("cifar_resnet11_bottleneck", {}), ("cifar_resnet20", {"gate": "relu", "integration": "conv3x3"})]


@pytest.fixture
def taken(monkeypatch):
    """The fused way without a compiler, where the fixture's value is set; which batch norms took it, and what along."""
    seen = []
    way = {"taken": False}
    monkeypatch.setattr(fused, "fuses", lambda module: way["taken"] and module.training)
    monkeypatch.setattr("senet_lab.models.units.fuses", lambda module: way["taken"] and module.training)
    normalise = fused.normalise

    def listen(x, norm, block=None, relu=False):
        seen.append((block is not None, relu))
        return normalise(x, norm, block, relu)

    monkeypatch.setattr(fused, "normalise", listen)
    return way, seen


def network(name, axes):
    se = None if axes is None else SESpec(**{"reduction": 16 if "excitation" in axes else 4} | axes)
    model = build_model(name, se, 10, seed=1).double().train()
    for part in model.modules():  # not at 1 and 0, where a mistake would not show
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(2))
            nn.init.normal_(part.bias, std=0.2, generator=torch.Generator().manual_seed(3))
    return model


def step(model, images, labels):
    """Loss, gradients and buffers of one training step."""
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    return loss.detach(), gradients, {name: buffer.clone() for name, buffer in model.named_buffers()}


def batch(size, kind=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 3, size, size, generator=generator, dtype=kind), torch.tensor([1, 0, 7])


@pytest.mark.parametrize(("name", "axes"), CASES, ids=lambda v: v if isinstance(v, str) else str(v).replace("'", ""))
def test_the_fused_way_gives_the_same_step(taken, name, axes):
    """Loss, every gradient and every running statistic, in double precision to 1e-8 of the largest."""
    way, seen = taken
    written, other = network(name, axes), network(name, axes)
    images, labels = batch(64 if name == "resnet50" else 32)
    expected = step(written, images, labels)
    assert seen == []
    way["taken"] = True
    fused.count_batch(fused.batch_counts(other))
    found = step(other, images, labels)

    assert len(seen) == sum(isinstance(part, fused.BatchNorm) for part in other.modules())
    assert torch.allclose(expected[0], found[0], rtol=1e-10)
    for one, same in zip(expected[1:], found[1:], strict=True):
        assert set(one) == set(same)
        for key, tensor in one.items():
            assert (tensor - same[key]).abs().max() <= 1e-8 * max(1e-3, float(tensor.abs().max())), key


@pytest.mark.parametrize(
    ("axes", "blocks"),
    [(None, 0), ({}, 3), ({"integration": "conv3x3"}, 3), ({"squeeze": "max"}, 0), ({"integration": "post"}, 0)],
)
def test_a_batch_norm_takes_the_block_behind_it_along(taken, axes, blocks):
    """Of 13 batch norms, those before an average squeeze; and the ReLU behind seven of them, after the block too."""
    way, seen = taken
    way["taken"] = True
    model = network("cifar_resnet11_bottleneck", axes)
    step(model, *batch(32))

    assert len(seen) == 13
    assert blocks == sum(block for block, _ in seen)
    assert sum(relu for _, relu in seen) == 7


def test_evaluation_takes_the_written_path(taken):
    """Also of a network that was compiled for training."""
    way, seen = taken
    way["taken"] = True
    network("cifar_resnet20", {}).eval()(batch(32)[0])

    assert seen == []


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("se", [None, SESpec(reduction=2, gate="tanh")])
def test_gradients_are_those_of_finite_differences(relu, se):
    """Of the map, of batch norm's scale and shift, and of the excitation's layers, in double precision."""
    norm = fused.BatchNorm(4).double()
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
    norm, own = nn.BatchNorm2d(8), fused.BatchNorm(8)
    x = torch.randn(16, 8, 8, 8, generator=torch.Generator().manual_seed(0)) + offset

    assert torch.allclose(norm(x), fused.normalise(x, own), atol=2e-3)
    assert torch.allclose(norm.running_var, own.running_var, rtol=1e-3)
    low = fused.normalise(x.bfloat16(), own)
    assert low.dtype is torch.bfloat16
    assert torch.allclose(norm(x.bfloat16()).float(), low.float(), atol=0.04)


def test_a_constant_channel_has_no_root_of_a_negative_number():
    """Where rounding takes the variance below zero it counts as zero."""
    x = torch.full((8, 2, 7, 7), 1000.1)

    assert torch.isfinite(fused.normalise(x, fused.BatchNorm(2))).all()


def compare_compiled(name, axes, device, kind, tolerance):
    """One step of the compiled network beside one of the written-out one."""
    model = network(name, axes).float().to(device).to(memory_format=torch.channels_last)
    other = copy.deepcopy(model)
    images, labels = (tensor.to(device) for tensor in batch(32, torch.float32))
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
