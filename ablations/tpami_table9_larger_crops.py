"""TPAMI, table 9: SENet-154 trained on larger crops, among networks with larger crops or more training data.

Only SENet-154 is a network of this study. The paper quotes the other five rows from other work.
"""

from ablations.protocols import IMAGENET_SOTA_320
from senet_lab.study import Cell, Row, SESpec, Table

LABEL = "SENet-154 (train crop 320)"

TABLE = Table(
    edition="tpami",
    number="9",
    topic="larger-crops",
    caption="Single-crop errors on the ImageNet validation set with larger crops or more training data",
    baseline=LABEL,
    rows=(Row(LABEL, Cell(backbone="senet154", se=SESpec(bias=True), protocol=IMAGENET_SOTA_320), LABEL),),
    companions={},
)
