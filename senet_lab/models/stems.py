"""The entries of the networks, up to the first residual unit."""

from torch import nn

from senet_lab.models.units import conv, conv_bn


def imagenet_stem() -> nn.Module:
    """7x7 convolution of stride 2, batch norm, ReLU, 3x3 max pooling of stride 2: B 3 224 224 -> B 64 56 56."""
    return nn.Sequential(conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))


def cifar_stem() -> nn.Module:
    """3x3 convolution, batch norm, ReLU: B 3 32 32 -> B 16 32 32."""
    return nn.Sequential(conv_bn(3, 16, 3), nn.ReLU())


def plain_cifar_stem() -> nn.Module:
    """3x3 convolution alone, for pre-activation units: B 3 32 32 -> B 16 32 32."""
    return conv(3, 16, 3)
