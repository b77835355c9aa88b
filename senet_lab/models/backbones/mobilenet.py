"""MobileNet at width 1.0 and 224 pixels (Howard et al. 2017; table 3 of both editions).

The paper says only that SE blocks are placed "similarly". Here one follows each of the 13 pointwise convolutions,
after its batch norm and ReLU. The published increases, 4.2 -> 4.7 M parameters and 569 -> 572 M multiply-adds, fit
this place. Blocks after the depthwise convolutions would add 0.35 M parameters, which does not fit.

A unit is one depthwise and one pointwise convolution. A stage is the units of one resolution: 112 pixels is stage 2,
7 pixels is stage 6.
B batch, C channels, H W space.
"""

from collections import Counter
from dataclasses import dataclass

from torch import Tensor, nn

from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, Site, check_image_size
from senet_lab.models.units import conv_bn
from senet_lab.study.se import Integration

FIRST_STAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """units: output channels and stride of each. image_size: pixels."""

    stem_channels: int
    units: tuple[tuple[int, int], ...]
    image_size: int


def separable(in_channels: int, out_channels: int, stride: int, site: nn.Module) -> nn.Sequential:
    """A unit: depthwise 3x3, then pointwise 1x1, each with batch norm and ReLU. ``site`` is its last module."""
    return nn.Sequential(
        conv_bn(in_channels, in_channels, 3, stride, groups=in_channels),
        nn.ReLU(),
        conv_bn(in_channels, out_channels, 1),
        nn.ReLU(),
        site,
    )


class MobileNet(nn.Module):
    """3x3 convolution of stride 2, depthwise-separable units, global average pooling, classifier.

    forward: images B 3 H W -> logits B num_classes. Raises ValueError for CIFAR images.
    """

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Sequential(conv_bn(3, layout.stem_channels, 3, 2), nn.ReLU())
        self.units = nn.Sequential()
        channels, stage, units_of = layout.stem_channels, FIRST_STAGE, Counter[int]()
        for width, stride in layout.units:
            stage += stride - 1
            units_of[stage] += 1
            site = attend(Site(stage, units_of[stage], Integration.STANDARD, width))
            self.units.append(separable(channels, width, stride, site))
            channels = width
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        check_image_size(x_BCHW, self.layout.image_size)
        return self.classifier(self.units(self.stem(x_BCHW)).mean(dim=(2, 3)))


FAMILY = Family(
    MobileNet,
    {
        "mobilenet": Layout(
            stem_channels=32,
            units=((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1)),
            image_size=224,
        )
    },
)
