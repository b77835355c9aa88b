"""CVPR 2018, table 3: MobileNet and ShuffleNet with and without SE on ImageNet."""

from ablations.imagenet_pairs import MOBILE_ROWS
from senet_lab.study import Table

TABLE = Table(
    edition="cvpr2018",
    number="3",
    topic="mobile",
    caption="Single-crop error of the mobile networks on the ImageNet validation set, with and without SE",
    baseline="MobileNet",
    rows=MOBILE_ROWS,
    companions={},
)
