"""BN-Inception (Ioffe and Szegedy 2015, figure 5), in the widths of the authors' SE-BN-Inception.

Stages 3, 4 and 5 and their modules keep the names of Inception: module 4c is stage 4, unit 3. Each of the ten modules
has a site at its end, after the concatenation (section 3.3 of both editions). The two modules of stride 2 have one
too, as in the authors' release.
B batch, C channels, H W space.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, Site, check_image_size
from senet_lab.models.stems import caffe_max_pool
from senet_lab.models.units import conv_bn
from senet_lab.study.se import Integration

FIRST_STAGE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """Output channels of one Inception module, branch by branch.

    one: the 1x1 convolution; 0 for no such branch. three: the 1x1 and the 3x3 convolution of a branch. double: the
    1x1 and each of the two 3x3 convolutions of a branch. pool: "avg" or "max", and the 1x1 convolution after it; with
    0 there is no such convolution, and the module halves the resolution.
    """

    one: int
    three: tuple[int, int]
    double: tuple[int, int]
    pool: tuple[str, int]

    @property
    def halves(self) -> bool:
        """Whether the module has stride 2."""
        return self.pool[1] == 0

    def out_channels(self, in_channels: int) -> int:
        """Channels after the concatenation."""
        return self.one + self.three[1] + self.double[1] + (self.pool[1] or in_channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The modules of each stage, and the input size in pixels."""

    stages: tuple[tuple[Module, ...], ...]
    image_size: int


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv_bn(in_channels, out_channels, kernel, stride), nn.ReLU())


def _pool_branch(module: Module, in_channels: int) -> nn.Module:
    kind, out_channels = module.pool
    if module.halves:
        return caffe_max_pool()
    pool = nn.AvgPool2d(3, 1, padding=1) if kind == "avg" else nn.MaxPool2d(3, 1, padding=1)
    return nn.Sequential(pool, _conv(in_channels, out_channels, 1))


class InceptionModule(nn.Module):
    """Three or four branches on the same input, their concatenation, and a site. forward: B C H W -> B C' H' W'."""

    def __init__(self, module: Module, in_channels: int, at_standard: nn.Module) -> None:
        super().__init__()
        stride = 2 if module.halves else 1
        (reduce3, out3), (reduce_double, out_double) = module.three, module.double
        self.branches = nn.ModuleList([_conv(in_channels, module.one, 1)] if module.one else [])
        self.branches.append(nn.Sequential(_conv(in_channels, reduce3, 1), _conv(reduce3, out3, 3, stride)))
        self.branches.append(
            nn.Sequential(
                _conv(in_channels, reduce_double, 1),
                _conv(reduce_double, out_double, 3),
                _conv(out_double, out_double, 3, stride),
            )
        )
        self.branches.append(_pool_branch(module, in_channels))
        self.at_standard = at_standard

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.at_standard(torch.cat([branch(x_BCHW) for branch in self.branches], dim=1))


class BNInception(nn.Module):
    """Stem, three stages of Inception modules, global average pooling, classifier.

    forward: images B 3 H W -> logits B num_classes. Raises ValueError for CIFAR images.
    """

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Sequential(
            _conv(3, 64, 7, 2), caffe_max_pool(), _conv(64, 64, 1), _conv(64, 192, 3), caffe_max_pool()
        )
        self.stages = nn.Sequential()
        channels = 192
        for stage, modules in enumerate(layout.stages, FIRST_STAGE):
            units = nn.Sequential()
            for unit, module in enumerate(modules, 1):
                width = module.out_channels(channels)
                site = attend(Site(stage, unit, Integration.STANDARD, width))
                units.append(InceptionModule(module, channels, site))
                channels = width
            self.stages.append(units)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        check_image_size(x_BCHW, self.layout.image_size)
        return self.classifier(self.stages(self.stem(x_BCHW)).mean(dim=(2, 3)))


FAMILY = Family(
    BNInception,
    {
        "bn_inception": Layout(
            stages=(
                (
                    Module(one=64, three=(64, 64), double=(64, 96), pool=("avg", 32)),
                    Module(one=64, three=(64, 96), double=(64, 96), pool=("avg", 64)),
                    Module(one=0, three=(128, 160), double=(64, 96), pool=("max", 0)),
                ),
                (
                    Module(one=224, three=(64, 96), double=(96, 128), pool=("avg", 128)),
                    Module(one=192, three=(96, 128), double=(96, 128), pool=("avg", 128)),
                    Module(one=160, three=(128, 160), double=(128, 160), pool=("avg", 128)),
                    Module(one=96, three=(128, 192), double=(160, 192), pool=("avg", 128)),
                    Module(one=0, three=(128, 192), double=(192, 256), pool=("max", 0)),
                ),
                (
                    Module(one=352, three=(192, 320), double=(160, 224), pool=("avg", 128)),
                    Module(one=352, three=(192, 320), double=(192, 224), pool=("max", 128)),
                ),
            ),
            image_size=224,
        )
    },
)
