"""VGG-16 (Simonyan and Zisserman 2015) with batch norm after each convolution, as in both editions (section 5.1).

A unit is one convolution, and its site follows its ReLU (TPAMI section 5.1). A stage is the convolutions of one
resolution. The five stages are numbered 2 to 6, because the paper's first stage with units is 2.
B batch, C channels, H W space.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from senet_lab.models.dropout import StreamDropout
from senet_lab.models.family import Family
from senet_lab.models.sites import AttentionFactory, Site, check_image_size
from senet_lab.models.units import conv_bn
from senet_lab.study.se import Integration

FIRST_STAGE = 2
FC_WIDTH = 4096
DROPOUT = 0.5  # of Simonyan and Zisserman; neither edition states whether its VGG-16 has dropout
REDUCTION = 32  # the image's side divided by the last map's side, after five poolings of stride 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """depths, widths: convolutions and channels of each stage. image_size: pixels; the FC layers take no other size."""

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    image_size: int


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, each ending in 2x2 max pooling, and three FC layers.

    forward: images B 3 H W of the layout's size -> logits B num_classes; raises ValueError for another size.
    """

    def __init__(self, layout: Layout, attend: AttentionFactory, num_classes: int) -> None:
        super().__init__()
        self.layout = layout
        self.stages = nn.Sequential()
        channels = 3
        for stage, (depth, width) in enumerate(zip(layout.depths, layout.widths, strict=True), FIRST_STAGE):
            layers = nn.Sequential()
            for unit in range(1, depth + 1):
                site = Site(stage, unit, Integration.STANDARD, width)
                layers.extend((conv_bn(channels, width, 3), nn.ReLU(), attend(site)))
                channels = width
            self.stages.append(layers.append(nn.MaxPool2d(2)))
        side = layout.image_size // REDUCTION
        self.classifier = nn.Sequential(
            nn.Linear(channels * side * side, FC_WIDTH),
            nn.ReLU(),
            StreamDropout(DROPOUT, "fc6"),
            nn.Linear(FC_WIDTH, FC_WIDTH),
            nn.ReLU(),
            StreamDropout(DROPOUT, "fc7"),
            nn.Linear(FC_WIDTH, num_classes),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        size = self.layout.image_size
        check_image_size(x_BCHW, size)
        if tuple(x_BCHW.shape[-2:]) != (size, size):
            raise ValueError(f"the FC layers of this network take {size} x {size} images only")
        return self.classifier(self.stages(x_BCHW).flatten(1))


FAMILY = Family(
    VGG,
    {"vgg16": Layout(depths=(2, 2, 3, 3, 3), widths=(64, 128, 256, 512, 512), image_size=224)},
)
