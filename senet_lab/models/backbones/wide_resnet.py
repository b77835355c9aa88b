"""Wide residual networks for CIFAR (Zagoruyko & Komodakis 2016; TPAMI tables 4 and 5).

WRN-16-8: pre-activation basic units, two a stage, stages eight times as wide as ResNet's 16, 32, 64; no dropout,
as in the published 4.27 % and 20.43 %. The 1x1 shortcuts start from the activated input, also in the first unit,
which widens 16 channels to 128. SE sits at the end of the branch; the paper does not say where in a
pre-activation unit, nor with which reduction ratio (not stated; 16 as everywhere else).
"""

from senet_lab.models.backbones.preresnet import WIDTHS, PreBasic, pre_activation
from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.family import Family


def _wide(depth: int, widening: int) -> Layout:
    """WRN-depth-widening: depth = 6 n + 4 with n units a stage (the paper counts three shortcuts and the stem)."""
    return pre_activation(PreBasic, (depth - 4) // 6, tuple(widening * width for width in WIDTHS))


FAMILY = Family(ResNet, {"cifar_wrn16_8": _wide(16, 8)})
