"""SENet-154: ResNeXt-152 64x4d with the changes of the ILSVRC 2017 entry (TPAMI appendix).

1. The first 1x1 convolution of every unit has half the channels of the 3x3 that follows.
2. The stem is three 3x3 convolutions instead of one 7x7.
3. The projections of stride 2 are 3x3 convolutions, not 1x1. The projection of stage 2 has stride 1 and stays 1x1.
4. Dropout 0.2 before the classifier.
5. Label smoothing: part of a protocol, not of the network.
6. Batch norm frozen in the last few epochs: part of a protocol too.

Without SE (``se=None``) it is the backbone of that entry, which the paper does not report on its own.
"""

from torch import nn

from senet_lab.models.backbones.resnet import Layout, ResNet
from senet_lab.models.dropout import StreamDropout
from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory
from senet_lab.models.stems import deep_imagenet_stem
from senet_lab.models.units import ResidualUnit, UnitPosition, conv_bn
from senet_lab.study.se import Integration

GROUPS = 64
DROPOUT = 0.2


class SENet154Bottleneck(ResidualUnit):
    """1x1, 3x3 in 64 groups, 1x1. Widths: half of the unit's output width, all, all. The stride sits in the 3x3."""

    def __init__(self, place: UnitPosition, attend: AttentionFactory) -> None:
        super().__init__()
        width = place.out_channels
        self.transform = nn.Sequential(
            conv_bn(place.in_channels, width // 2, 1),
            nn.ReLU(),
            conv_bn(width // 2, width, 3, place.stride, groups=GROUPS),
            attend(place.site(Integration.CONV3X3, width)),
            nn.ReLU(),
            conv_bn(width, width, 1),
        )
        wide = conv_bn(place.in_channels, width, 3, place.stride) if place.stride != 1 else None
        self._place_sites(place, attend, shortcut=wide)


class SENet154(ResNet):
    """A residual network with dropout before its classifier. forward: images B 3 H W -> logits B num_classes."""

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__(layout, attend, num_classes)
        self.classifier = nn.Sequential(  # type: ignore[assignment]  # a Linear in ResNet
            StreamDropout(DROPOUT, "classifier"), self.classifier
        )


FAMILY = Family(
    SENet154,
    {
        "senet154": Layout(
            stem=deep_imagenet_stem,
            stem_channels=128,
            unit=SENet154Bottleneck,
            depths=(3, 8, 36, 3),
            widths=(256, 512, 1024, 2048),
            image_size=224,
        )
    },
)
