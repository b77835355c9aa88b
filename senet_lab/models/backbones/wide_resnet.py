"""Wide residual networks for CIFAR (Zagoruyko & Komodakis 2016; TPAMI tables 4 and 5).

WRN-16-8: pre-activation basic units, two a stage, stages eight times as wide as ResNet's 16, 32, 64; no dropout,
as in the published 4.27 % and 20.43 %. The 1x1 shortcuts start from the activated input, also in the first unit,
which widens 16 channels to 128. SE sits at the end of the branch; the paper does not say where in a
pre-activation unit, nor with which reduction ratio (not stated; 16 as everywhere else).
"""

from torch import nn

from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.sites import AttentionFactory
from senet_lab.models.stems import plain_cifar_stem
from senet_lab.models.units import PreBasic


def _wide(depth: int, widening: int) -> Layout:
    """WRN-depth-widening: depth = 6 n + 4 with n units a stage (the paper counts three shortcuts and the stem)."""
    return Layout(
        stem=plain_cifar_stem,
        stem_channels=16,
        unit=PreBasic,
        depths=((depth - 4) // 6,) * 3,
        widths=tuple(widening * width for width in (16, 32, 64)),
        image_size=32,
        pre_activation=True,
    )


LAYOUTS = {"cifar_wrn16_8": _wide(16, 8)}


def build(name: str, attend: AttentionFactory, num_classes: int) -> nn.Module:
    """The network of this name; raises KeyError for a name that is none of this family."""
    return ResNet(LAYOUTS[name], attend, num_classes)
