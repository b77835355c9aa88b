"""CVPR 2018, table 6: Faster R-CNN on COCO with ResNet trunks, with and without SE."""

from ablations.pairs import with_and_without_se
from ablations.protocols import COCO_2014
from senet_lab.study import Protocol, Row, Table


def rows(protocol: Protocol) -> tuple[Row, ...]:
    """The rows of both editions: Faster R-CNN with four trunks."""
    return (
        *with_and_without_se("ResNet-50", "resnet50", protocol),
        *with_and_without_se("ResNet-101", "resnet101", protocol),
    )


TABLE = Table(
    edition="cvpr2018",
    number="6",
    topic="coco",
    caption="Average precision of Faster R-CNN on COCO, with and without SE in its trunk",
    baseline="ResNet-50",
    rows=rows(COCO_2014),
    companions={},
)
