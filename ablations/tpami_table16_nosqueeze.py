"""TPAMI, table 16: Excitation without squeeze in ResNet-50."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import PLAIN, SE, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="16",
    topic="nosqueeze",
    caption="Excitation without squeeze in ResNet-50",
    baseline="ResNet-50",
    rows=(
        Row("ResNet-50", PLAIN, "ResNet-50"),
        Row("NoSqueeze", variant(squeeze="none"), "NoSqueeze"),
        Row("SE", SE, "SE"),
    ),
    companions=RESNET50_COMPANIONS,
)
