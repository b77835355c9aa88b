"""CVPR 2018, table 5: ResNet-152 with and without SE on Places365. The paper quotes the row Places-365-CNN, so it is
left out."""

from ablations.pairs import with_and_without_se
from ablations.protocols import PLACES365
from senet_lab.study import Table

TABLE = Table(
    edition="cvpr2018",
    number="5",
    topic="places365",
    caption="Single-crop error on the Places365 validation set, with and without SE",
    baseline="ResNet-152",
    rows=with_and_without_se("ResNet-152", "resnet152", PLACES365),
    companions={},
)
