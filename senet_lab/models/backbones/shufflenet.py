"""ShuffleNet 1x with three groups (Zhang et al. 2018; table 3 of both editions).

The paper says only that SE blocks are placed "similarly". Here a block is at the end of a unit's residual branch:
before the addition, or before the concatenation where the unit halves the resolution.
Departure: the first unit of stage 2 has no site. Its branch has 216 channels (240 less the 24 of the shortcut), which
the paper's r=16 does not divide. This project never rounds a width.
B batch, C channels, H W space.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, check_image_size
from senet_lab.models.units import UnitPosition, conv_bn
from senet_lab.study.se import Integration

FIRST_STAGE = 2  # as the ShuffleNet paper numbers its stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """groups: of the pointwise convolutions. depths, widths: units and channels of each stage. image_size: pixels."""

    groups: int
    stem_channels: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    image_size: int


class ChannelShuffle(nn.Module):
    """Reorders channels, so that every group of the next convolution reads from all groups of the last one."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)


class ShuffleUnit(nn.Module):
    """A branch of grouped 1x1, shuffle, depthwise 3x3, grouped 1x1, with a quarter of the output width inside.

    Stride 1: relu(branch(x) + x). Stride 2: relu of the average-pooled x and branch(x), concatenated; the branch has
    out_channels - in_channels channels. forward: B C H W -> B C' H' W'.
    """

    def __init__(self, place: UnitPosition, groups: int, attend: AttentionFactory) -> None:
        super().__init__()
        first = place.unit == 1 and place.stage == FIRST_STAGE
        inside = place.out_channels // 4
        self.halves = place.stride == 2
        width = place.out_channels - place.in_channels if self.halves else place.out_channels
        self.transform = nn.Sequential(
            conv_bn(place.in_channels, inside, 1, groups=1 if first else groups),  # 24 channels are too few to group
            nn.ReLU(),
            ChannelShuffle(groups),
            conv_bn(inside, inside, 3, place.stride, groups=inside),
            conv_bn(inside, width, 1, groups=groups),
        )
        self.at_standard = nn.Identity() if first else attend(place.site(Integration.STANDARD, width))
        self.shortcut = nn.AvgPool2d(3, 2, padding=1) if self.halves else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        branch, shortcut = self.at_standard(self.transform(x_BCHW)), self.shortcut(x_BCHW)
        return self.relu(torch.cat((shortcut, branch), dim=1) if self.halves else branch + shortcut)


class ShuffleNet(nn.Module):
    """3x3 convolution and max pooling, each of stride 2, stages 2 to 4, global average pooling, classifier.

    forward: images B 3 H W -> logits B num_classes. Raises ValueError for CIFAR images.
    """

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Sequential(conv_bn(3, layout.stem_channels, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.Sequential()
        channels = layout.stem_channels
        for stage, (depth, width) in enumerate(zip(layout.depths, layout.widths, strict=True), FIRST_STAGE):
            units = nn.Sequential()
            for unit in range(1, depth + 1):
                place = UnitPosition(stage, unit, channels, width, 2 if unit == 1 else 1)
                units.append(ShuffleUnit(place, layout.groups, attend))
                channels = width
            self.stages.append(units)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        check_image_size(x_BCHW, self.layout.image_size)
        return self.classifier(self.stages(self.stem(x_BCHW)).mean(dim=(2, 3)))


FAMILY = Family(
    ShuffleNet,
    {
        "shufflenet": Layout(groups=3, stem_channels=24, depths=(4, 8, 4), widths=(240, 480, 960), image_size=224),
    },
)
