"""ResNeXt 32x4d (Xie et al. 2017), the form that both editions use (section 5.1, table 2)."""

from torch import nn

from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory
from senet_lab.models.stems import imagenet_stem
from senet_lab.models.units import ResidualUnit, UnitPosition, conv_bn
from senet_lab.study.se import Integration

GROUPS = 32  # "32x4d": 32 groups, each of 4 channels in stage 2, 8 in stage 3, and so on


class ResNeXtBottleneck(ResidualUnit):
    """1x1, grouped 3x3, 1x1, with half of the unit's output width inside.

    The stride sits in the grouped 3x3 convolution, as in the authors' SE-ResNeXts; in their SE-ResNets it sits in
    the first 1x1. The site of SE_3x3 lies between the batch norm and the ReLU of the 3x3 convolution.
    """

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        width = place.out_channels // 2
        self.transform = nn.Sequential(
            conv_bn(place.in_channels, width, 1),
            nn.ReLU(),
            conv_bn(width, width, 3, place.stride, groups=GROUPS),
            attend(place.site(Integration.CONV3X3, width)),
            nn.ReLU(),
            conv_bn(width, place.out_channels, 1),
        )
        self._place_sites(place, attend)


def _layout(*depths: int) -> Layout:
    return Layout(
        stem=imagenet_stem,
        stem_channels=64,
        unit=ResNeXtBottleneck,
        depths=depths,
        widths=(256, 512, 1024, 2048),
        image_size=224,
    )


FAMILY = Family(
    ResNet,
    {"resnext50": _layout(3, 4, 6, 3), "resnext101": _layout(3, 4, 23, 3)},
)
