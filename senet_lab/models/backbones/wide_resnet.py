"""Wide residual networks for CIFAR (Zagoruyko & Komodakis 2016; TPAMI tables 4 and 5).

WRN-16-8 has three stages of two pre-activation basic units, eight times as wide as ResNet's 16, 32 and 64. It has no
dropout, as the network of the published 4.27 % and 20.43 %. The 1x1 shortcuts take the activated input, also in the
first unit, which widens 16 channels to 128. The paper states neither where SE sits in a pre-activation unit nor its
reduction ratio: here it sits at the end of the branch, with r=16 as everywhere else.
"""

from senet_lab.models.backbones.preresnet import WIDTHS, PreBasic, pre_activation
from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.family import Family


def _wide(depth: int, widening: int) -> Layout:
    """WRN-depth-widening. depth = 6 n + 4 for n units in each stage: their convolutions, three shortcuts, the stem."""
    return pre_activation(PreBasic, (depth - 4) // 6, tuple(widening * width for width in WIDTHS))


FAMILY = Family(ResNet, {"cifar_wrn16_8": _wide(16, 8)})
