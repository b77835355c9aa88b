"""Our networks against timm's and torchvision's with the same weights, in double precision.

Batch-norm statistics are random as well, so that none of them is 0 or 1. Where two projects differ by intention, the
reference is changed by hand to the paper's form, and the test says how.
"""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.vgg import cfgs, make_layers

from senet_lab.models.registry import build_model
from senet_lab.models.se_block import SEBlock
from senet_lab.study import SESpec
from senet_lab.weights import fitted

timm = pytest.importorskip("timm")

RELEASED = SESpec(bias=True)
SE_NETWORKS = {
    "legacy_seresnet50": "resnet50",
    "legacy_seresnext50_32x4d": "resnext50",
    "legacy_seresnet101": "resnet101",
    "legacy_seresnet152": "resnet152",
    "legacy_seresnext101_32x4d": "resnext101",
    "legacy_senet154": "senet154",
}
IN_A_MOMENT = ("legacy_seresnet50", "legacy_seresnext50_32x4d")


def image(size: int = 64) -> Tensor:
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def undrawn(make: Callable[..., nn.Module], *args: object, **options: object) -> nn.Module:
    """A network without weights, for ``unsettled`` to draw each of them once."""
    with torch.device("meta"):
        return make(*args, **options)


def unsettled(model: nn.Module) -> nn.Module:
    """The network in evaluation and double precision, with all its weights and statistics drawn."""
    generator = torch.Generator().manual_seed(0)
    model = model.double().to_empty(device="cpu").eval()
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            if name.endswith(("running_mean", "bias")):
                value.normal_(0, 0.1, generator=generator)
            elif name.endswith("running_var") or value.ndim == 1:
                value.uniform_(0.5, 1, generator=generator)
            elif value.ndim > 1:
                reach = (6 / value[0].numel()) ** 0.5  # He's: a map keeps its size from layer to layer
                value.uniform_(-reach, reach, generator=generator)
    return model


def ours(name: str, se: SESpec | None, theirs: nn.Module, num_classes: int = 1000) -> nn.Module:
    model = build_model(name, se, num_classes, device="meta").double()
    model.load_state_dict(fitted(model, theirs.state_dict())[0], strict=True, assign=True)
    return model.eval()


def difference(ours: nn.Module, theirs: nn.Module, x: Tensor) -> float:
    """The largest difference of two logits; both networks must tell something apart."""
    with torch.no_grad():
        expected, found = theirs(x), ours(x)
    assert expected.std() > 1e-6
    return float((expected - found).abs().max())


def copied(theirs: nn.Module, target: nn.Module) -> nn.Module:
    """``target``, built on the meta device, with the weights of ``theirs`` layer by layer as both declare them."""

    def layers(model: nn.Module) -> list[nn.Module]:
        return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]

    for source, layer in zip(layers(theirs), layers(target), strict=True):
        assert [p.shape for p in source.parameters()] == [p.shape for p in layer.parameters()]
        layer.load_state_dict(source.state_dict(), strict=True, assign=True)
    return target.eval()


def caffe_pool(model: nn.Module) -> nn.Module:
    """torchvision's network with max pooling from the border instead of padding, as the authors' framework has it."""
    model.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return model


@pytest.mark.parametrize(
    "theirs", [name if name in IN_A_MOMENT else pytest.param(name, marks=pytest.mark.slow) for name in SE_NETWORKS]
)
def test_se_networks_equal_timms_port_of_the_release(theirs):
    """Equal weights give equal logits: stride, pooling, projections, biases and sites are those of the release."""
    reference = unsettled(undrawn(timm.create_model, theirs))
    name = SE_NETWORKS[theirs]

    assert difference(ours(name, RELEASED, reference), reference, image()) < 1e-9


def plain_reference(name: str) -> nn.Module:
    depths = {"50": [3, 4, 6, 3], "101": [3, 4, 23, 3], "152": [3, 8, 36, 3]}[name.lstrip("resnxt")]
    if name.startswith("resnext"):
        return caffe_pool(undrawn(ResNet, Bottleneck, depths, num_classes=10, groups=32, width_per_group=4))
    model = caffe_pool(undrawn(ResNet, Bottleneck, depths, num_classes=10))
    for unit in model.modules():
        if isinstance(unit, Bottleneck):  # the stride moves from the 3x3 convolution to the first 1x1
            unit.conv1.stride, unit.conv2.stride = unit.conv2.stride, unit.conv1.stride
    return model


DEEP = ("resnet101", "resnet152", "resnext101")


@pytest.mark.parametrize(
    "name", ["resnet50", "resnext50", *(pytest.param(name, marks=pytest.mark.slow) for name in DEEP)]
)
def test_plain_networks_equal_torchvisions(name):
    """ResNet and ResNeXt, once torchvision's stride and pooling are those of the paper's networks."""
    reference = unsettled(plain_reference(name))

    assert difference(ours(name, None, reference, 10), reference, image()) < 1e-9


def test_the_released_form_of_resnet_is_not_torchvisions():
    """With torchvision's own stride the same weights give other logits, so the test above can fail."""
    reference = unsettled(caffe_pool(undrawn(ResNet, Bottleneck, [3, 4, 6, 3], num_classes=10)))

    found = difference(ours("resnet50", None, reference, 10), reference, image())
    assert found > 1e-3


def test_vgg_equals_torchvisions_with_batch_norm():
    """The convolutional part of vgg16_bn, once its convolutions have no biases, which batch norm would undo."""
    reference = undrawn(make_layers, cfgs["D"], batch_norm=True)
    for layer in reference:
        if isinstance(layer, nn.Conv2d):
            layer.bias = None
    target = copied(unsettled(reference), build_model("vgg16", device="meta").stages)

    assert difference(target, reference, image(32)) < 1e-9


def test_mobilenet_equals_timms():
    """mobilenetv1_100, once its ReLU6 is ReLU: the 2017 paper says ReLU."""
    reference = undrawn(timm.create_model, "mobilenetv1_100", num_classes=10)
    for module in reference.modules():
        if isinstance(getattr(module, "act", None), nn.ReLU6):
            module.act = nn.ReLU()
    target = copied(unsettled(reference), build_model("mobilenet", num_classes=10, device="meta"))

    assert difference(target, reference, image()) < 1e-9


@pytest.mark.slow
def test_inception_resnet_v2_equals_timms():
    """inception_resnet_v2, the release of its authors, as it is."""
    reference = undrawn(timm.create_model, "inception_resnet_v2", num_classes=10)
    target = copied(unsettled(reference), build_model("inception_resnet_v2", num_classes=10, device="meta"))

    assert difference(target, reference, image(139)) < 1e-9


def test_the_se_block_equals_torchvisions():
    """torchvision's SqueezeExcitation has the same layers as 1x1 convolutions."""
    reference = unsettled(torchvision.ops.SqueezeExcitation(64, 4))
    state = reference.state_dict()
    block = SEBlock(64, RELEASED).double()
    names = {"reduce": "fc1", "expand": "fc2"}
    weights = {f"{a}.weight": state[f"{b}.weight"].flatten(1) for a, b in names.items()}
    biases = {f"{a}.bias": state[f"{b}.bias"] for a, b in names.items()}
    block.excitation.load_state_dict(weights | biases)
    maps = torch.randn(2, 64, 5, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    assert difference(block, reference, maps) < 1e-12
