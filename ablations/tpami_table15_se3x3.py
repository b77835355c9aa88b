"""TPAMI, table 15: SE block after the 3x3 convolution of ResNet-50."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import SE, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="15",
    topic="se3x3",
    caption="SE block after the 3x3 convolution of ResNet-50",
    baseline="SE",
    rows=(
        Row("SE", SE, "SE"),
        Row("SE_3x3", variant(integration="conv3x3"), "SE_3x3"),
    ),
    companions=RESNET50_COMPANIONS,
)
