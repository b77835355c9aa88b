"""CVPR 2018, table 2: networks with and without SE on ImageNet."""

from ablations.imagenet_pairs import IMAGENET_ROWS
from senet_lab.study import Table

TABLE = Table(
    edition="cvpr2018",
    number="2",
    topic="imagenet",
    caption="Single-crop error on the ImageNet validation set, with and without SE",
    baseline="ResNet-50",
    rows=IMAGENET_ROWS,
    companions={},
)
