"""CVPR 2018, table 3: MobileNet and ShuffleNet with and without SE on ImageNet."""

from ablations.pairs import with_and_without_se
from ablations.protocols import MOBILE
from senet_lab.study import Table

TABLE = Table(
    edition="cvpr2018",
    number="3",
    topic="mobile",
    caption="Single-crop error of the mobile networks on the ImageNet validation set, with and without SE",
    baseline="MobileNet",
    rows=(
        *with_and_without_se("MobileNet", "mobilenet", MOBILE),
        *with_and_without_se("ShuffleNet", "shufflenet", MOBILE),
    ),
    companions={},
)
