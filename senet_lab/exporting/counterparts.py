"""The networks of timm and torchvision that compute the same as this project's, with its weights under their names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError, to_install
from senet_lab.exporting.trained import Trained
from senet_lab.study.se import SESpec
from senet_lab.weights import fitted


class Target(StrEnum):
    """Where an exported network is used."""

    TIMM = "timm"
    TORCHVISION = "torchvision"
    ONNX = "onnx"
    SAFETENSORS = "safetensors"


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Another library's network with this project's weights, in evaluation mode.

    lines: of Python, which build it as ``model``, without its weights.
    """

    model: nn.Module
    lines: tuple[str, ...]


TIMM_NAMES = {
    "resnet50": "legacy_seresnet50",
    "resnet101": "legacy_seresnet101",
    "resnet152": "legacy_seresnet152",
    "resnext50": "legacy_seresnext50_32x4d",
    "resnext101": "legacy_seresnext101_32x4d",
    "senet154": "legacy_senet154",
}
# Units of each stage, for the networks that torchvision's ResNet class can build.
TORCHVISION_DEPTHS = {
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
    "resnext50": (3, 4, 6, 3),
    "resnext101": (3, 4, 23, 3),
}
FC_LAYERS = (".excitation.reduce.weight", ".excitation.expand.weight")


def counterpart(trained: Trained, target: Target) -> Counterpart:
    """The target's network that computes the same as the trained one. Raises StudyError, in one line, without one."""
    if trained.backbone is None:
        raise StudyError(
            f"{trained.source} is {trained.network}, no network of this project; --to safetensors and --to onnx take it"
        )
    find: Callable[[Trained, str], Counterpart] = _of_timm if target is Target.TIMM else _of_torchvision
    return find(trained, trained.backbone)


def _of_timm(trained: Trained, backbone: str) -> Counterpart:
    se = trained.se
    if backbone not in TIMM_NAMES or not isinstance(se, SESpec):
        plain = "; --to torchvision takes it" if backbone in TORCHVISION_DEPTHS and se is None else ""
        raise StudyError(
            f"timm has no counterpart of {trained.network}; it has those of SE-{', SE-'.join(TIMM_NAMES)}{plain}"
        )
    if replace(se, reduction=SESpec().reduction, bias=False) != SESpec():
        raise StudyError(f"timm's legacy networks have the standard SE block only; this is {trained.network}")
    try:
        import timm
    except ImportError:
        raise StudyError(f"--to timm needs timm, which is not installed; {to_install('evaluate')}") from None
    name = TIMM_NAMES[backbone]
    model = timm.create_model(name, num_classes=trained.num_classes, reduction=se.reduction)
    tensors, _ = fitted(model, _with_biases(trained.model.state_dict()))
    model.load_state_dict(tensors, strict=True)
    made = f'model = timm.create_model("{name}", num_classes={trained.num_classes}, reduction={se.reduction})'
    return Counterpart(model.eval(), ("import timm", "", made))


def _with_biases(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Adds biases of zero to the FC layers of SE blocks that have none. timm's networks need biases there."""
    zeros = {
        f"{name.removesuffix('weight')}bias": torch.zeros(len(weight))
        for name, weight in state.items()
        if name.endswith(FC_LAYERS)
    }
    return zeros | dict(state)


def _of_torchvision(trained: Trained, backbone: str) -> Counterpart:
    if backbone not in TORCHVISION_DEPTHS or trained.se is not None:
        with_se = "; --to timm takes it" if backbone in TIMM_NAMES and isinstance(trained.se, SESpec) else ""
        raise StudyError(
            f"torchvision has no counterpart of {trained.network}; it has those of plain "
            f"{', '.join(TORCHVISION_DEPTHS)}{with_se}"
        )
    from torchvision.models.resnet import Bottleneck, ResNet

    depths, grouped = TORCHVISION_DEPTHS[backbone], backbone.startswith("resnext")
    width = {"groups": 32, "width_per_group": 4} if grouped else {}
    model = ResNet(Bottleneck, list(depths), num_classes=trained.num_classes, **width)
    model.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    if not grouped:
        for unit in model.modules():
            if isinstance(unit, Bottleneck):
                unit.conv1.stride, unit.conv2.stride = unit.conv2.stride, unit.conv1.stride
    tensors, _ = fitted(model, trained.model.state_dict())
    model.load_state_dict(tensors, strict=True)
    words = "".join(f", {name}={value}" for name, value in width.items())
    made = f"model = ResNet(Bottleneck, {list(depths)}, num_classes={trained.num_classes}{words})"
    pooling = "model.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)  # the authors' networks pool from the border"
    strides = (
        "for unit in model.modules():  # and have their strides in the first 1x1 convolution",
        "    if isinstance(unit, Bottleneck):",
        "        unit.conv1.stride, unit.conv2.stride = unit.conv2.stride, unit.conv1.stride",
    )
    head = ("from torch import nn", "from torchvision.models.resnet import Bottleneck, ResNet", "", made, pooling)
    return Counterpart(model.eval(), (*head, *(() if grouped else strides)))
