"""Residual networks for ImageNet and for CIFAR, from the same units. A Layout gives stem, unit, depths and widths."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, check_image_size
from senet_lab.models.stems import cifar_stem, imagenet_stem
from senet_lab.models.units import FIRST_STAGE, Basic, Bottleneck, UnitPosition

Unit = Callable[[UnitPosition, AttentionFactory], nn.Module]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One network. depths: units of each stage. widths: output channels of each stage. image_size: pixels."""

    stem: Callable[[], nn.Module]
    stem_channels: int
    unit: Unit
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    image_size: int
    pre_activation: bool = False


def build_stages(
    unit: Unit, channels: int, depths: tuple[int, ...], widths: tuple[int, ...], attend: AttentionFactory
) -> nn.Sequential:
    """Stages of units. The first unit of every stage but the first halves the size. channels: the stem's output."""
    stages = nn.Sequential()
    for index, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        stage = nn.Sequential()
        for number in range(depth):
            stride = 2 if number == 0 and index > 0 else 1
            stage.append(unit(UnitPosition(FIRST_STAGE + index, number + 1, channels, width, stride), attend))
            channels = width
        stages.append(stage)
    return stages


class ResNet(nn.Module):
    """Stem, stages of residual units, global average pooling, classifier.

    forward: images B 3 H W -> logits B num_classes. Raises ValueError for CIFAR images in an ImageNet network and the
    reverse.
    """

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stem = layout.stem()
        self.stages = build_stages(layout.unit, layout.stem_channels, layout.depths, layout.widths, attend)
        channels = layout.widths[-1]
        self.tail = (
            nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True)) if layout.pre_activation else nn.Identity()
        )
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        check_image_size(x_BCHW, self.layout.image_size)
        return self.classifier(self.tail(self.stages(self.stem(x_BCHW))).mean(dim=(2, 3)))


def _imagenet(*depths: int) -> Layout:
    return Layout(
        stem=imagenet_stem,
        stem_channels=64,
        unit=Bottleneck,
        depths=depths,
        widths=(256, 512, 1024, 2048),
        image_size=224,
    )


def _cifar(unit: type[Basic] | type[Bottleneck], units: int) -> Layout:
    return Layout(
        stem=cifar_stem,
        stem_channels=16,
        unit=unit,
        depths=(units,) * 3,
        widths=tuple(unit.expansion * width for width in (16, 32, 64)),
        image_size=32,
    )


# Departure: in He et al. 2016a, CIFAR ResNets of basic units have shortcuts without parameters. Here a shortcut is a
# 1x1 projection where the shape changes, as in the SE-ResNets whose parameter counts are known.
FAMILY = Family(
    ResNet,
    {
        "resnet50": _imagenet(3, 4, 6, 3),
        "resnet101": _imagenet(3, 4, 23, 3),
        "resnet152": _imagenet(3, 8, 36, 3),
        **{f"cifar_resnet{depth}": _cifar(Basic, (depth - 2) // 6) for depth in (20, 32, 44, 56, 110)},
        **{f"cifar_resnet{depth}_bottleneck": _cifar(Bottleneck, (depth - 2) // 9) for depth in (11, 29, 164)},
    },
)
