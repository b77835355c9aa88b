"""Stems: the layers of a network before its first residual unit."""

from torch import nn

from senet_lab.models.units import conv, conv_bn


def caffe_max_pool() -> nn.MaxPool2d:
    """3x3 max pooling of stride 2 without padding, which rounds its output's size up: it halves even sizes.

    The authors' networks do so in their framework, Caffe. torchvision pads by one instead: even inputs give the same
    size, but every window lies one pixel further up and left.
    """
    return nn.MaxPool2d(3, 2, ceil_mode=True)


def imagenet_stem() -> nn.Module:
    """7x7 convolution of stride 2, batch norm, ReLU, 3x3 max pooling of stride 2: B 3 224 224 -> B 64 56 56."""
    return nn.Sequential(conv_bn(3, 64, 7, 2), nn.ReLU(inplace=True), caffe_max_pool())


def deep_imagenet_stem() -> nn.Module:
    """Three 3x3 convolutions, the first of stride 2, and max pooling (SENet-154): B 3 224 224 -> B 128 56 56."""
    return nn.Sequential(
        conv_bn(3, 64, 3, 2),
        nn.ReLU(inplace=True),
        conv_bn(64, 64, 3),
        nn.ReLU(inplace=True),
        conv_bn(64, 128, 3),
        nn.ReLU(inplace=True),
        caffe_max_pool(),
    )


def cifar_stem() -> nn.Module:
    """3x3 convolution, batch norm, ReLU: B 3 32 32 -> B 16 32 32."""
    return nn.Sequential(conv_bn(3, 16, 3), nn.ReLU(inplace=True))


def plain_cifar_stem() -> nn.Module:
    """3x3 convolution alone, for pre-activation units: B 3 32 32 -> B 16 32 32."""
    return conv(3, 16, 3)
