"""Wide residual networks for CIFAR (Zagoruyko & Komodakis 2016; TPAMI tables 4 and 5).

WRN-16-8 has three stages of two pre-activation basic units, eight times as wide as ResNet's 16, 32 and 64. It has no
dropout, like the network whose published errors are 4.27 % on CIFAR-10 and 20.43 % on CIFAR-100. The 1x1 shortcuts take
the activated input, also in the first unit, which widens 16 channels to 128. The paper states neither where SE sits in
a pre-activation unit nor its reduction ratio: here it sits at the end of the branch, with r=16 as everywhere else.
"""

from senet_lab.models.backbones.preresnet import WIDTHS, PreBasic, pre_activation
from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.family import Family


def _wide(depth: int, widening: int) -> Layout:
    """WRN-depth-widening. With n units in each stage, depth is 6 n + 4: the convolutions of the units are 6 n, those of
    the shortcuts are 3, and the stem has one."""
    return pre_activation(PreBasic, (depth - 4) // 6, tuple(widening * width for width in WIDTHS))


FAMILY = Family(ResNet, {"cifar_wrn16_8": _wide(16, 8)})
