"""The CIFAR networks: exact sizes, one training step of each, and weights from a seed alone; memory formats and
compilation of these and of ResNet-50.

Where no published count exists, the expected integer is derived next to it or by ``written_out.parameter_count``:
k k C C' for a convolution without bias, 2 C for a batch norm, (C + 1) K for the classifier, 2 C^2 / r for an SE block.
"""

from itertools import pairwise

import pytest
import torch

from senet_lab.models.complexity import complexity
from senet_lab.models.fuse import fuse
from senet_lab.models.registry import build_model, image_size, model_names, se_blocks
from senet_lab.study import SESpec
from senet_lab.study.se import Integration
from tests.models.written_out import FACTS, extra_parameters, multiply_add_count, parameter_count
from tests.slow import slow_if

CIFAR = [name for name in model_names() if name.startswith("cifar_")]
WITH_BIASES = SESpec(bias=True)
WIDE = pytest.param("cifar_wrn16_8", marks=pytest.mark.slow)
SHAKE26 = pytest.param("cifar_shake26_2x96d", marks=pytest.mark.slow)
# They repeat the units of the smaller networks.
DEEP = ("cifar_resnet110", "cifar_resnet164_bottleneck", "cifar_preresnet110", "cifar_preresnet164")

PLAIN_RESNET50 = 25_557_032  # weights and biases for 1000 classes


def parameters(name: str, se: SESpec | None, classes: int) -> int:
    return sum(weight.numel() for weight in build_model(name, se, classes, device="meta").parameters())


def images(n: int = 2, size: int = 32) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_the_cifar_networks():
    """No network is without a test here."""
    assert {*FACTS, "cifar_resnet32", "cifar_resnet44", "cifar_shake26_2x96d", "cifar_shake29_2x4x64d"} - {
        "resnet50"
    } == set(CIFAR)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cifar_resnet20", 274_847), ("cifar_resnet56", 862_889), ("cifar_resnet110", 1_744_952)],
)
def test_se_resnets_have_the_known_parameters(name, expected):
    """SE-ResNet-20, -56 and -110 for ten classes, r = 16, FC layers with biases."""
    assert expected == parameters(name, WITH_BIASES, 10)


def test_resnet50_has_the_known_parameters():
    """ResNet-50, and SE-ResNet-50 at r = 16 without and with biases."""
    found = [parameters("resnet50", se, 1000) for se in (None, SESpec(), WITH_BIASES)]

    assert found == [PLAIN_RESNET50, 28_071_976, 28_088_024]


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("standard", 2_514_944),
        ("post", 2_514_944),
        ("identity", 2_514_944),
        ("pre", 1_991_168),
        ("conv3x3", 157_184),
    ],
)
def test_each_point_fills_sixteen_sites_of_resnet50(point, expected):
    """Extra weights at r = 16: 2/r times the sum of C^2, C being the width of the map at that point."""
    model = build_model("resnet50", SESpec(integration=point), device="meta")

    assert len(se_blocks(model)) == 16
    assert expected == sum(weight.numel() for weight in model.parameters()) - PLAIN_RESNET50


@pytest.mark.parametrize(
    ("name", "se", "classes"),
    [slow_if(name in DEEP, name, None, 100) for name in FACTS] + [(name, WITH_BIASES, 10) for name in FACTS],
    ids=[f"{name}-{kind}" for kind in ("plain", "se") for name in FACTS],
)
def test_counts_equal_the_closed_forms(name, se, classes):
    """Parameters and multiply-adds of the residual networks."""
    found = complexity(build_model(name, se, classes, device="meta"), image_size(name))

    assert parameter_count(FACTS[name], classes, se) == found.trainable
    assert multiply_add_count(FACTS[name], classes, image_size(name), se) == found.multiply_adds


@pytest.mark.parametrize(
    ("name", "plain", "se"),
    [
        # One unit of 16 channels: 2 * 9 * 16^2 + 4 * 16 = 4,672; of 32: 18,560; of 64: 73,984.
        # 18 of each; stage 3 begins 9 * 16 * 32 less, stage 4 9 * 32 * 64 less, each with a norm of half the width
        # and a shortcut of 16 * 32 and 32 * 64 weights more.
        ("cifar_preresnet110", 1_730_522, 1_742_618),
        ("cifar_preresnet164", 1_703_258, 1_896_794),
        # The paper gives 11.0 M.
        ("cifar_wrn16_8", 10_961_370, 11_047_386),
        # The paper gives 26.2 M and, for 100 classes, 34.4 M.
        ("cifar_shake26_2x96d", 26_192_922, 26_289_690),
        ("cifar_shake29_2x4x64d", 34_437_450, 34_953_546),
    ],
)
def test_the_journals_cifar_networks_have_exact_parameters(name, plain, se):
    """For ten classes, plain and with SE at r = 16 without biases."""
    assert [plain, se] == [parameters(name, spec, 10) for spec in (None, SESpec())]


def test_preresnet110_by_hand():
    """Stem 432; 18 units a stage; 1x1 shortcuts into stages 3 and 4; the last norm 128; classifier 650."""

    def unit(c_in: int, c: int) -> int:
        return 9 * c_in * c + 9 * c * c + 2 * c_in + 2 * c

    stages = 18 * unit(16, 16) + unit(16, 32) + 17 * unit(32, 32) + unit(32, 64) + 17 * unit(64, 64)
    assert 432 + stages + 16 * 32 + 32 * 64 + 128 + 650 == parameters("cifar_preresnet110", None, 10)


def test_shake26_by_hand():
    """Two branches of two 3x3 convolutions with norms a unit; wide shortcuts with one norm; SE 2 C^2 / 16."""

    def unit(c_in: int, c: int) -> int:
        branches = 2 * (9 * c_in * c + 2 * c + 9 * c * c + 2 * c)
        return branches + (c_in * c + 2 * c if c_in != c else 0)

    widths = (16, 96, 192, 384)
    stages = sum(unit(a, b) + 3 * unit(b, b) for a, b in pairwise(widths))
    plain, se = (parameters("cifar_shake26_2x96d", se, 10) for se in (None, SESpec()))
    assert 432 + 32 + stages + 385 * 10 == plain
    assert 4 * sum(2 * c * (c // 16) for c in widths[1:]) == se - plain


def test_shake29_by_hand():
    """Two branches of 1x1, 3x3 in four groups and 1x1, all of the unit's width; projections with a norm."""

    def unit(c_in: int, c: int) -> int:
        branches = 2 * (c_in * c + 9 * c * c // 4 + c * c + 6 * c)
        return branches + (c_in * c + 2 * c if c_in != c else 0)

    widths = (64, 256, 512, 1024)
    stages = sum(unit(a, b) + 2 * unit(b, b) for a, b in pairwise(widths))
    plain, se = (parameters("cifar_shake29_2x4x64d", se, 10) for se in (None, SESpec()))
    assert 27 * 64 + 128 + stages + 1025 * 10 == plain
    assert 3 * sum(2 * c * (c // 16) for c in widths[1:]) == se - plain


def test_wrn_adds_what_its_widths_say():
    """SE-WRN-16-8: two blocks in each of the widths 128, 256, 512."""
    assert 86_016 == extra_parameters(FACTS["cifar_wrn16_8"], SESpec()) == 2 * sum(c * c // 8 for c in (128, 256, 512))


STEPS_TAKEN = ("cifar_resnet20", "cifar_resnet11_bottleneck", "cifar_preresnet110")  # one of each unit


@pytest.mark.parametrize("name", [slow_if(name not in STEPS_TAKEN, name) for name in CIFAR])
def test_one_training_step_reaches_every_weight(name):
    """Forward and backward at batch 2 with SE: finite logits B K, and a gradient that is not all zero somewhere."""
    model = build_model(name, WITH_BIASES, 10).train()
    logits = model(images())
    logits.square().sum().backward()

    assert tuple(logits.shape) == (2, 10)
    assert logits.isfinite().all()
    for weight_name, weight in model.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.isfinite().all(), weight_name
    assert all(block.excitation.expand.bias.grad.any() for block in se_blocks(model).values())


@pytest.mark.parametrize("name", [slow_if(name in DEEP, name) for name in CIFAR])
def test_images_of_another_size_are_refused(name):
    """A CIFAR network on 224 pixels would run and mean something else."""
    with pytest.raises(ValueError, match="32 x 32"):
        build_model(name, None, 10, device="meta")(torch.zeros(1, 3, 224, 224, device="meta"))


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_resnet29_bottleneck", WIDE, "resnet50"])
def test_memory_format_changes_no_logit(name):
    """channels_last: the logits of the contiguous network to rounding, in double precision."""
    x = images(size=64 if name == "resnet50" else 32).double()
    model = build_model(name, WITH_BIASES, 10).double().eval()
    with torch.no_grad():
        expected = model(x)
        found = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))

    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # raised inside torch.compile
@pytest.mark.filterwarnings("ignore:.*should not be instantiated.*:DeprecationWarning")  # and so is this
@pytest.mark.parametrize(
    ("name", "backend"),
    [
        pytest.param("cifar_resnet11_bottleneck", "eager", marks=pytest.mark.slow),
        pytest.param("cifar_resnet11_bottleneck", "aot_eager", marks=pytest.mark.slow),
        pytest.param("cifar_resnet20", "aot_eager", marks=pytest.mark.slow),
        pytest.param("cifar_resnet11_bottleneck", "inductor", marks=pytest.mark.slow),
        pytest.param("resnet50", "aot_eager", marks=pytest.mark.slow),
    ],
)
def test_compiled_network_takes_the_same_step(name, backend):
    """torch.compile of the fused network: logits and gradients of the network itself to 1e-8, as one graph.

    In double precision: in fp32 a ReLU whose input rounds to the other side of zero moves a gradient by percents.
    """
    x = images(size=64 if name == "resnet50" else 32).double()
    found = []
    for compiled in (False, True):
        model = build_model(name, WITH_BIASES, 10).double().train()
        network = torch.compile(fuse(model).network, fullgraph=True, backend=backend) if compiled else model
        logits = network(x)
        logits.square().sum().backward()
        found.append([logits.detach(), *(p.grad for p in model.parameters())])

    for expected, other in zip(*found, strict=True):
        assert (expected - other).abs().max() <= 1e-8 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_resnet11_bottleneck", WIDE, SHAKE26])
def test_weights_come_from_the_seed_alone(name):
    """Equal seeds, equal weights; another seed, other weights; the global stream is neither read nor moved."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build_model(name, WITH_BIASES, 10, seed=3).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    second = build_model(name, WITH_BIASES, 10, seed=3).state_dict()
    other = build_model(name, WITH_BIASES, 10, seed=4).state_dict()

    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


@pytest.mark.parametrize("se", [WITH_BIASES, SESpec(integration="pre", gate="tanh", reduction=8)], ids=["r=16", "pre"])
@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_resnet11_bottleneck", WIDE, SHAKE26])
def test_backbone_weights_do_not_depend_on_se(name, se):
    """Every weight of the plain network is in the SE network, equal bit for bit."""
    plain, found = build_model(name, None, 10).state_dict(), build_model(name, se, 10).state_dict()

    assert set(plain) < set(found)
    assert all(torch.equal(plain[key], found[key]) for key in plain)


@pytest.mark.parametrize("name", ["cifar_shake26_2x96d", "cifar_shake29_2x4x64d"])
def test_shake_networks_have_four_points(name):
    """Two 3x3 convolutions lie side by side in a unit, so that SE_3x3 has no place there."""
    for point in set(Integration) - {Integration.CONV3X3}:
        units = 12 if "26" in name else 9
        assert units == len(se_blocks(build_model(name, SESpec(integration=point), 10, device="meta")))
    with pytest.raises(ValueError, match="no site at integration point 'conv3x3'"):
        build_model(name, SESpec(integration="conv3x3"), 10, device="meta")
