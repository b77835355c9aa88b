"""TPAMI, table 14: SE block at different points of the residual unit of ResNet-50."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import SE, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="14",
    topic="integration",
    caption="SE block at different points of the residual unit of ResNet-50",
    baseline="SE",
    rows=(
        Row("SE", SE, "SE"),
        Row("SE-PRE", variant(integration="pre"), "SE-PRE"),
        Row("SE-POST", variant(integration="post"), "SE-POST"),
        Row("SE-Identity", variant(integration="identity"), "SE-Identity"),
    ),
    companions=RESNET50_COMPANIONS,
)
