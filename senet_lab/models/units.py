"""Residual units with their five sites (TPAMI figure 5; tables 14 and 15).

B batch, C channels, H W space. An empty site is ``nn.Identity``, which has no parameters and needs no ``if``.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study.se import Integration

FIRST_STAGE = 2  # the number of the first residual stage in the paper


@dataclass(frozen=True, slots=True)
class UnitPosition:
    """What a unit has to know about its place in the network. unit: its number in the stage, from 1."""

    stage: int
    unit: int
    in_channels: int
    out_channels: int
    stride: int

    @property
    def first(self) -> bool:
        """Whether this is the network's first unit."""
        return (self.stage, self.unit) == (FIRST_STAGE, 1)

    def site(self, point: Integration, channels: int) -> Site:
        """The site of this unit at one integration point."""
        return Site(self.stage, self.unit, point, channels)


def conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution without bias, padded so that it keeps the size at stride 1."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def conv_bn(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, then batch norm."""
    return nn.Sequential(
        conv(in_channels, out_channels, kernel, stride, groups), nn.BatchNorm2d(out_channels, eps=1e-5)
    )


class ResidualUnit(nn.Module):
    """Post-activation unit: relu(branch(x) + shortcut(x)), with a site at each integration point.

    A subclass sets ``self.transform``, the branch with the conv3x3 site in it, and then calls ``_place_sites``.
    shortcut: None for the identity, or a 1x1 projection where the shape changes.
    """

    transform: nn.Module

    def _place_sites(self, place: UnitPosition, attend: AttentionFactory, shortcut: nn.Module | None = None) -> None:
        widths = place.in_channels, place.out_channels
        if shortcut is None:
            same = place.stride == 1 and widths[0] == widths[1]
            shortcut = nn.Identity() if same else conv_bn(*widths, 1, place.stride)
        self.shortcut = shortcut
        self.relu = nn.ReLU(inplace=True)
        self.at_pre = attend(place.site(Integration.PRE, place.in_channels))
        self.at_standard = attend(place.site(Integration.STANDARD, place.out_channels))
        self.at_post = attend(place.site(Integration.POST, place.out_channels))
        self.at_identity = attend(place.site(Integration.IDENTITY, place.out_channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        branch = self.at_standard(self.transform(self.at_pre(x_BCHW)))
        return self.at_post(self.relu(branch + self.at_identity(self.shortcut(x_BCHW))))


class Basic(ResidualUnit):
    """Two 3x3 convolutions (He et al. 2016a). Its conv3x3 site follows the first of them."""

    expansion = 1

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        width = place.out_channels
        self.transform = nn.Sequential(
            conv_bn(place.in_channels, width, 3, place.stride),
            attend(place.site(Integration.CONV3X3, width)),
            nn.ReLU(),  # not in place: a block may need its output again for its gradient
            conv_bn(width, width, 3),
        )
        self._place_sites(place, attend)


class Bottleneck(ResidualUnit):
    """1x1, 3x3, 1x1 with a quarter of the width inside (He et al. 2016a).

    The stride sits in the first 1x1 convolution, as in the authors' SE-ResNets. In torchvision it sits in the 3x3
    convolution, and ResNet-50 has 4.09 G multiply-adds instead of the published 3.86 G.
    The paper places SE_3x3 "after the 3x3 convolution". Here the site comes after that convolution's batch norm and
    before its ReLU.
    """

    expansion = 4

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        width = place.out_channels // self.expansion
        self.transform = nn.Sequential(
            conv_bn(place.in_channels, width, 1, place.stride),
            nn.ReLU(inplace=True),
            conv_bn(width, width, 3),
            attend(place.site(Integration.CONV3X3, width)),
            nn.ReLU(),  # not in place: a block may need its output again for its gradient
            conv_bn(width, place.out_channels, 1),
        )
        self._place_sites(place, attend)
