"""An experiment of this project's own: why is the block on the shortcut the worst under ``cifar10-short``?

In TPAMI table 14 SE-Identity is the best row. Here it is the worst. An untrained sigmoid gate is near one half, so
each block on a shortcut halves what all later units receive from it. A gate of twice the sigmoid is near one before
training and leaves the shortcut as it is. If the start is the reason, SE-Identity gains much more from the double
sigmoid than SE does. The claim experiment-gate-start tests that: it compares the two gains.
"""

from ablations.companions import RESNET50_COMPANIONS
from ablations.protocols import CIFAR10_SHORT
from senet_lab.study import Cell, Row, SESpec, Table
from senet_lab.study.protocol import Dataset
from senet_lab.study.se import Gate, Integration


def _row(label: str, integration: Integration, gate: Gate, baseline: str) -> Row:
    backbone = RESNET50_COMPANIONS[Dataset.CIFAR10]["resnet50"]
    se = SESpec(integration=integration, gate=gate)
    return Row(label, Cell(backbone=backbone, se=se, protocol=CIFAR10_SHORT), baseline=baseline)


TABLE = Table(
    edition="experiment",
    number="1",
    topic="gate-start",
    caption="SE block at the end of the branch and on the shortcut, with gates that start near one half and near one",
    baseline="SE",
    rows=(
        _row("SE", Integration.STANDARD, Gate.SIGMOID, "SE"),
        _row("SE, double sigmoid", Integration.STANDARD, Gate.DOUBLE_SIGMOID, "SE"),
        _row("SE-Identity", Integration.IDENTITY, Gate.SIGMOID, "SE"),
        _row("SE-Identity, double sigmoid", Integration.IDENTITY, Gate.DOUBLE_SIGMOID, "SE-Identity"),
    ),
    companions={},
)
