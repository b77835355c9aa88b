"""Pre-activation residual networks for CIFAR (He et al. 2016b; TPAMI tables 4 and 5).

B batch, C channels, H W space. An empty site is ``nn.Identity``.
"""

from torch import Tensor, nn

from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory
from senet_lab.models.stems import plain_cifar_stem
from senet_lab.models.units import UnitPosition, conv
from senet_lab.study.se import Integration


class PreActivationUnit(nn.Module):
    """branch(relu(bn(x))) + shortcut (He et al. 2016b).

    The shortcut is x. Two kinds of unit take it from the activated input relu(bn(x)) instead: those that change the
    shape, where it is a 1x1 projection, and the first unit of the network. There is no ReLU after the addition, so
    the post site directly follows the addition.
    A subclass sets ``self.transform``, the branch, and then calls ``_place_sites``.
    """

    transform: nn.Module

    def _place_sites(self, place: UnitPosition, attend: AttentionFactory) -> None:
        widths = place.in_channels, place.out_channels
        projects = place.stride != 1 or widths[0] != widths[1]
        self.shares_activation = projects or place.first
        self.activate = nn.Sequential(nn.BatchNorm2d(place.in_channels), nn.ReLU(inplace=True))
        self.shortcut = conv(*widths, 1, place.stride) if projects else nn.Identity()
        self.at_pre = attend(place.site(Integration.PRE, place.in_channels))
        self.at_standard = attend(place.site(Integration.STANDARD, place.out_channels))
        self.at_post = attend(place.site(Integration.POST, place.out_channels))
        self.at_identity = attend(place.site(Integration.IDENTITY, place.out_channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.shares_activation:
            activated = self.activate(x_BCHW)
            branch, shortcut = self.transform(self.at_pre(activated)), self.shortcut(activated)
        else:
            branch, shortcut = self.transform(self.activate(self.at_pre(x_BCHW))), x_BCHW
        return self.at_post(self.at_standard(branch) + self.at_identity(shortcut))


class PreBasic(PreActivationUnit):
    """Two 3x3 convolutions, each after batch norm and ReLU. The conv3x3 site is before the second ReLU."""

    expansion = 1

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        width = place.out_channels
        self.transform = nn.Sequential(
            conv(place.in_channels, width, 3, place.stride),
            nn.BatchNorm2d(width),
            attend(place.site(Integration.CONV3X3, width)),
            nn.ReLU(),  # not in place: a block may need its output again for its gradient
            conv(width, width, 3),
        )
        self._place_sites(place, attend)


class PreBottleneck(PreActivationUnit):
    """1x1, 3x3, 1x1, each after batch norm and ReLU; the stride sits in the first 1x1 convolution."""

    expansion = 4

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        width = place.out_channels // self.expansion
        self.transform = nn.Sequential(
            conv(place.in_channels, width, 1, place.stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            conv(width, width, 3),
            nn.BatchNorm2d(width),
            attend(place.site(Integration.CONV3X3, width)),
            nn.ReLU(),  # not in place: a block may need its output again for its gradient
            conv(width, place.out_channels, 1),
        )
        self._place_sites(place, attend)


def pre_activation(unit: type[PreBasic] | type[PreBottleneck], units: int, widths: tuple[int, ...]) -> Layout:
    """A layout of three stages with ``units`` units each. widths: of each stage; of bottlenecks, the inner width."""
    return Layout(
        stem=plain_cifar_stem,
        stem_channels=16,
        unit=unit,
        depths=(units,) * 3,
        widths=tuple(unit.expansion * width for width in widths),
        image_size=32,
        pre_activation=True,
    )


WIDTHS = (16, 32, 64)
FAMILY = Family(
    ResNet,
    {
        "cifar_preresnet110": pre_activation(PreBasic, 18, WIDTHS),
        "cifar_preresnet164": pre_activation(PreBottleneck, 18, WIDTHS),
    },
)
