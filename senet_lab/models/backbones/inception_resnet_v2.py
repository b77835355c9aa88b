"""Inception-ResNet-v2 (Szegedy et al. 2017) at 299 pixels, in the widths of its authors' released network.

The paper that introduced it and the release differ. The paper has 5, 10 and 5 residual units, the stem of Inception-v4,
and 9.3 G multiply-adds. The release has 10, 20 and 10 units, the stem of Inception-v3, and 13.2 G. The SE paper prints
11.75 G, so it does not tell which one it used.

Maps of 35 pixels are stage 2, of 17 pixels stage 3, of 8 pixels stage 4. The site is at the end of the residual branch,
after its last convolution and before the constant scaling. Which side of that scaling the paper means is not stated.
B batch, C channels, H W space.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from senet_lab.models.dropout import StreamDropout
from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, Site, check_image_size
from senet_lab.study.se import Integration

FIRST_STAGE = 2
BN_EPS = 1e-3
DROPOUT = 0.2  # Szegedy et al. 2017, figure 9: keep 0.8


@dataclass(frozen=True, slots=True)
class Conv:
    """One convolution. kernel: height and width. padded: so that the size stays at stride 1; otherwise no padding."""

    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True


Branch = tuple[Conv, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualStage:
    """Residual units of one resolution: their branches, how many there are, and the constant scaling."""

    branches: tuple[Branch, ...]
    units: int
    scale: float
    plain_last: bool = False  # the last unit of the network has neither scaling nor ReLU


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """mixed: the branches of the module before the first stage; the last of them follows average pooling. reductions:
    the branches of the modules between stages, beside their max pooling. last_channels: before the classifier.
    image_size: pixels."""

    mixed: tuple[Branch, ...]
    stages: tuple[ResidualStage, ...]
    reductions: tuple[tuple[Branch, ...], ...]
    last_channels: int
    image_size: int


def _conv(in_channels: int, conv: Conv) -> nn.Sequential:
    height, width = conv.kernel
    padding = (height // 2, width // 2) if conv.padded else 0
    return nn.Sequential(
        nn.Conv2d(in_channels, conv.channels, conv.kernel, conv.stride, padding, bias=False),
        nn.BatchNorm2d(conv.channels, eps=BN_EPS),
        nn.ReLU(),
    )


def _branch(in_channels: int, branch: Branch) -> nn.Sequential:
    layers = nn.Sequential()
    for conv in branch:
        layers.append(_conv(in_channels, conv))
        in_channels = conv.channels
    return layers


def _width(branches: tuple[Branch, ...]) -> int:
    return sum(branch[-1].channels for branch in branches)


class Concatenation(nn.Module):
    """Branches on the same input, their outputs concatenated. forward: B C H W -> B C' H' W'."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.cat([branch(x_BCHW) for branch in self.branches], dim=1)


class ResidualInception(nn.Module):
    """relu(x + scale * branch(x)). The branch is an Inception module and a 1x1 convolution with bias and no batch norm.

    forward: B C H W -> B C H W.
    """

    def __init__(self, stage: ResidualStage, last: bool, channels: int, at_standard: nn.Module) -> None:
        super().__init__()
        plain = last and stage.plain_last
        self.scale = 1.0 if plain else stage.scale
        self.transform = nn.Sequential(
            Concatenation(*(_branch(channels, branch) for branch in stage.branches)),
            nn.Conv2d(_width(stage.branches), channels, 1),
        )
        self.at_standard = at_standard
        self.relu = nn.Identity() if plain else nn.ReLU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.relu(x_BCHW + self.scale * self.at_standard(self.transform(x_BCHW)))


class InceptionResNetV2(nn.Module):
    """Stem, a mixed module, three stages of residual Inception units with reductions between, classifier.

    forward: images B 3 H W -> logits B num_classes. Raises ValueError for CIFAR images.
    """

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Sequential(
            _branch(3, (Conv(32, (3, 3), 2, False), Conv(32, (3, 3), 1, False), Conv(64, (3, 3)))),
            nn.MaxPool2d(3, 2),
            _branch(64, (Conv(80), Conv(192, (3, 3), 1, False))),
            nn.MaxPool2d(3, 2),
        )
        *convolved, pooled = layout.mixed
        average = nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
        self.mixed = Concatenation(
            *(_branch(192, branch) for branch in convolved), nn.Sequential(average, _branch(192, pooled))
        )
        channels = _width(layout.mixed)
        self.stages = nn.Sequential()
        for index, stage in enumerate(layout.stages):
            if index:
                reduction = layout.reductions[index - 1]
                branches = (_branch(channels, branch) for branch in reduction)
                self.stages.append(Concatenation(*branches, nn.MaxPool2d(3, 2)))
                channels += _width(reduction)
            units = nn.Sequential()
            for unit in range(1, stage.units + 1):
                site = attend(Site(FIRST_STAGE + index, unit, Integration.STANDARD, channels))
                units.append(ResidualInception(stage, unit == stage.units, channels, site))
            self.stages.append(units)
        self.last = _conv(channels, Conv(layout.last_channels))
        self.classifier = nn.Sequential(
            StreamDropout(DROPOUT, "classifier"), nn.Linear(layout.last_channels, num_classes)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        check_image_size(x_BCHW, self.layout.image_size)
        return self.classifier(self.last(self.stages(self.mixed(self.stem(x_BCHW)))).mean(dim=(2, 3)))


STAGE_35 = ResidualStage(
    branches=(
        (Conv(32),),
        (Conv(32), Conv(32, (3, 3))),
        (Conv(32), Conv(48, (3, 3)), Conv(64, (3, 3))),
    ),
    units=10,
    scale=0.17,
)
STAGE_17 = ResidualStage(
    branches=((Conv(192),), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1)))),
    units=20,
    scale=0.1,
)
STAGE_8 = ResidualStage(
    branches=((Conv(192),), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1)))),
    units=10,
    scale=0.2,
    plain_last=True,
)

FAMILY = Family(
    InceptionResNetV2,
    {
        "inception_resnet_v2": Layout(
            mixed=(
                (Conv(96),),
                (Conv(48), Conv(64, (5, 5))),
                (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
                (Conv(64),),  # after average pooling
            ),
            stages=(STAGE_35, STAGE_17, STAGE_8),
            reductions=(
                (
                    (Conv(384, (3, 3), 2, False),),
                    (Conv(256), Conv(256, (3, 3)), Conv(384, (3, 3), 2, False)),
                ),
                (
                    (Conv(256), Conv(384, (3, 3), 2, False)),
                    (Conv(256), Conv(288, (3, 3), 2, False)),
                    (Conv(256), Conv(288, (3, 3)), Conv(320, (3, 3), 2, False)),
                ),
            ),
            last_channels=1536,
            image_size=299,
        )
    },
)
