"""CVPR 2018, table 4: SENet-154 among the best networks of its time.

Only two rows are networks of this study; the paper quotes the numbers of all others. It also quotes the number of
ResNet-152. Here ResNet-152 is trained by SENet-154's recipe.
"""

from ablations.protocols import IMAGENET_SOTA
from senet_lab.study import Cell, Row, SESpec, Table

TABLE = Table(
    edition="cvpr2018",
    number="4",
    topic="sota",
    caption="Single-crop errors of state-of-the-art networks on the ImageNet validation set",
    baseline="ResNet-152",
    rows=(
        Row("ResNet-152", Cell(backbone="resnet152", se=None, protocol=IMAGENET_SOTA), "ResNet-152"),
        Row("SENet-154", Cell(backbone="senet154", se=SESpec(bias=True), protocol=IMAGENET_SOTA), "SENet-154"),
    ),
    companions={},
)
