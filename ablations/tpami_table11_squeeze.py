"""TPAMI, table 11: SE-ResNet-50 with different squeeze operators."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import SE, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="11",
    topic="squeeze",
    caption="SE-ResNet-50 with different squeeze operators",
    baseline="Avg",
    rows=(
        Row("Max", variant(squeeze="max"), "Max"),
        Row("Avg", SE, "Avg"),
    ),
    companions=RESNET50_COMPANIONS,
)
