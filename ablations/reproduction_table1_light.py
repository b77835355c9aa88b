"""The networks that one reproduction report of the paper trained on CIFAR-10, and two blocks without FC layers.

The report shows curves but prints no errors, so these rows have no published numbers. It describes its light variants
in words only. Here ``group`` shares one weight among r neighbouring channels, and ``conv1d`` is a 1-D convolution along
the channels.
"""

from ablations.protocols import CIFAR10_300EP
from senet_lab.study import Cell, Row, SESpec, Table
from senet_lab.study.se import Excitation


def _row(label: str, depth: int, se: SESpec | None) -> Row:
    cell = Cell(backbone=f"cifar_resnet{depth}", se=se, protocol=CIFAR10_300EP)
    return Row(label, cell, baseline=f"ResNet-{depth}")


TABLE = Table(
    edition="reproduction",
    number="1",
    topic="light",
    caption="SE-ResNet-20 and -56 on CIFAR-10, and blocks without FC layers",
    baseline="ResNet-20",
    rows=(
        _row("ResNet-20", 20, None),
        _row("SE-ResNet-20", 20, SESpec()),
        _row("ResNet-20, shared by groups", 20, SESpec(excitation=Excitation.GROUP)),
        _row("ResNet-20, 1-D convolution", 20, SESpec(excitation=Excitation.CONV1D)),
        _row("ResNet-56", 56, None),
        _row("SE-ResNet-56", 56, SESpec()),
    ),
    companions={},
)
