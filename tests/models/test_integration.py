"""Every form of the SE block at every integration point, against a forward pass that is written out on its own.

The small networks have two or three stages of one kind of unit on maps of 8, 4 and 2 pixels; the first stage has
identity shortcuts, the others project. Widths, strides and places come from ``written_out``.
"""

from collections.abc import Callable, Iterable
from itertools import chain, combinations, product

import pytest
import torch
from torch import nn

from senet_lab.models.backbones.preresnet import PreBasic, PreBottleneck
from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.initialise import initialise
from senet_lab.models.registry import build_model, se_blocks
from senet_lab.models.sites import se_factory
from senet_lab.models.units import Basic, Bottleneck, conv, conv_bn
from senet_lab.study import SESpec
from senet_lab.study.se import Excitation, Gate, Integration, Squeeze
from tests.models.written_out import FACTS, Facts, Forward, Weights, images, unsettle
from tests.slow import slow_if

UNITS = {"basic": Basic, "bottleneck": Bottleneck, "pre-basic": PreBasic, "pre-bottleneck": PreBottleneck}
STAGES = (2, 3, 4)
SUBSETS = tuple(chain.from_iterable(combinations(STAGES, n) for n in range(1, 4)))
# A block knows nothing of its unit and its point: its forms are tried in each unit and at each point, not in all pairs.
MET_BY_EVERY_FORM = (
    ("basic", Integration.STANDARD),
    ("bottleneck", Integration.CONV3X3),
    ("pre-basic", Integration.IDENTITY),
    ("pre-bottleneck", Integration.PRE),
    ("bottleneck", Integration.POST),
)
# Each network by name meets some points, and each point is met.
MET_BY_NAME = {
    "cifar_resnet20": (None, "standard", "pre"),
    "cifar_resnet29_bottleneck": ("post", "identity", "conv3x3"),
}


def cases(values: Iterable[tuple], slow: Callable[..., bool]) -> list:
    """Values of several parameters, of which the ones that ``slow`` names are left to the whole run."""
    return [slow_if(slow(*value), *value) for value in values]


def small_facts(kind: str, stages: int) -> Facts:
    widths = (8, 16, 32) if kind.endswith("basic") else (16, 32, 64)
    depths = (1, 1) if stages == 2 else (2, 1, 1)
    return Facts(kind, depths, widths[:stages], stem_channels=widths[0], stem=(3, 4))


def small_network(facts: Facts, se: SESpec | None) -> nn.Module:
    def stem() -> nn.Module:
        channels = facts.stem_channels
        return conv(3, channels, 3, 4) if facts.pre else nn.Sequential(conv_bn(3, channels, 3, 4), nn.ReLU())

    layout = Layout(
        stem=stem,
        stem_channels=facts.stem_channels,
        unit=UNITS[facts.kind],
        depths=facts.depths,
        widths=facts.widths,
        image_size=32,
        pre_activation=facts.pre,
    )
    model = ResNet(layout, se_factory(se), 3)
    initialise(model, 0)
    return unsettle(model)


def specs(point: Integration, excitation: Excitation, stages: tuple[int, ...] | str):
    """Every SESpec of one excitation at one point: squeezes, gates and, for FC layers in all stages, biases."""
    fc = excitation is Excitation.FC
    for squeeze, gate, bias in product(Squeeze, Gate, (False, True) if fc and stages == "all" else (False,)):
        if fc or squeeze is not Squeeze.NONE:
            yield SESpec(
                reduction=16 if excitation is Excitation.CONV1D else 4,
                squeeze=squeeze,
                gate=gate,
                integration=point,
                excitation=excitation,
                stages=stages,
                bias=bias,
            )


def assert_as_written(model: nn.Module, facts: Facts, se: SESpec | None, x: torch.Tensor) -> None:
    """Equal logits, and no weight that the formulas do not know."""
    weights = Weights(model)
    with torch.no_grad():
        expected = Forward(weights, facts, se)(x)
        torch.testing.assert_close(model(x), expected, rtol=1e-9, atol=1e-9, msg=lambda text: f"{se}\n{text}")

    assert set() == weights.unread


@pytest.mark.parametrize("stages", ["all", pytest.param((3,), marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("excitation", Excitation)
@pytest.mark.parametrize(
    ("kind", "point"), cases(product(UNITS, Integration), lambda *where: where not in MET_BY_EVERY_FORM)
)
def test_every_squeeze_and_gate_is_as_written(kind, point, excitation, stages):
    """Squeezes x gates, in all stages or the second one alone, at this point of this unit; biases in all stages."""
    facts, x = small_facts(kind, 2), images(2, 32)
    tried = list(specs(point, excitation, stages))
    for se in tried:
        assert_as_written(small_network(facts, se), facts, se, x)

    assert len(tried) == {"fc": 24 if stages == "all" else 12, "group": 8, "conv1d": 8}[excitation]


@pytest.mark.parametrize(
    ("kind", "point", "stages"),
    cases(
        product(UNITS, Integration, SUBSETS),
        lambda kind, point, stages: stages != (2, 4) and (kind, point) != ("basic", Integration.STANDARD),
    ),
    ids=str,
)
def test_every_subset_of_the_stages_is_as_written(kind, point, stages):
    """Blocks sit in the units of these stages and in no others."""
    facts, se = small_facts(kind, 3), SESpec(reduction=4, integration=point, stages=stages)
    model = small_network(facts, se)

    expected = [f"SE_{stage}_{unit}" for stage in stages for unit in ((1, 2) if stage == 2 else (1,))]
    assert expected == list(se_blocks(model))
    assert_as_written(model, facts, se, images(2, 32))


@pytest.mark.parametrize("point", Integration)
@pytest.mark.parametrize("kind", UNITS)
def test_gradients_in_training_are_as_written(kind, point):
    """Batch norm by batch statistics: logits and the gradient of every weight agree."""
    facts, se = small_facts(kind, 3), SESpec(reduction=4, integration=point, bias=True)
    model, x = small_network(facts, se).train(), images(3, 32)
    coefficients = torch.arange(9.0, dtype=torch.float64).reshape(3, 3) - 4

    parameters = dict(model.named_parameters())
    expected = torch.autograd.grad(
        (Forward(Weights(model), facts, se, training=True)(x) * coefficients).sum(), list(parameters.values())
    )
    (model(x) * coefficients).sum().backward()

    for gradient, (name, parameter) in zip(expected, parameters.items(), strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize(
    ("name", "point"),
    cases(
        product(("cifar_resnet20", "cifar_resnet29_bottleneck", "cifar_wrn16_8"), (None, *Integration)),
        lambda name, point: point not in MET_BY_NAME.get(name, ()),
    ),
)
def test_networks_by_name_are_as_written(name, point):
    """The registered CIFAR networks: their depths, widths, strides and stems, at 32 pixels."""
    se = SESpec(integration=point, reduction=8) if point else None
    assert_as_written(unsettle(build_model(name, se, 10)), FACTS[name], se, images(1, 32))


@pytest.mark.parametrize("name", ["cifar_preresnet110", "cifar_preresnet164"])
def test_deep_pre_activation_networks_are_as_written(name):
    """SE-ResNet-110 and SE-ResNet-164 of the journal's CIFAR tables."""
    se = SESpec(bias=True)
    assert_as_written(unsettle(build_model(name, se, 10)), FACTS[name], se, images(1, 32))


@pytest.mark.parametrize("point", [slow_if(p is not Integration.STANDARD, p) for p in Integration])
def test_resnet50_is_as_written(point):
    """SE-ResNet-50 with its 7x7 stem and max pooling, on images of 64 pixels."""
    se = SESpec(integration=point)
    assert_as_written(unsettle(build_model("resnet50", se, 10)), FACTS["resnet50"], se, images(1, 64))


def test_an_unsettled_network_hides_nothing():
    """Every batch norm has a scale, a shift, a mean and a variance that differ from their first values."""
    model = small_network(small_facts("basic", 2), None)

    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        assert (norm.weight != 1).all()
        assert (norm.bias != 0).all()
        assert (norm.running_mean != 0).all()
        assert (norm.running_var != 1).all()
