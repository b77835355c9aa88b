"""The table by which the peak learning rate of ``cifar10-short`` was chosen. It is not in the paper.

Each rate has one run of the plain network and one of SE r=16, evaluated on held-out training images. Test images are
not opened.
"""

from ablations.companions import RESNET50_COMPANIONS
from ablations.protocols import PEAK_RATE_CANDIDATES
from senet_lab.study import Cell, Row, SESpec, Table
from senet_lab.study.protocol import Dataset, Protocol

NETWORK = RESNET50_COMPANIONS[Dataset.CIFAR10]["resnet50"]


def _pair(protocol: Protocol) -> tuple[Row, Row]:
    rate = f"{protocol.schedule.peak_lr:g}"
    plain = Row(f"plain, {rate}", Cell(backbone=NETWORK, se=None, protocol=protocol), baseline=f"plain, {rate}")
    se = Row(f"SE r=16, {rate}", Cell(backbone=NETWORK, se=SESpec(), protocol=protocol), baseline=plain.label)
    return plain, se


TABLE = Table(
    edition="selection",
    number="1",
    topic="peak-rate",
    caption="Peak learning rate of cifar10-short, chosen on held-out training images",
    baseline="plain, 0.1",
    rows=tuple(row for protocol in PEAK_RATE_CANDIDATES for row in _pair(protocol)),
    companions={},
)
