"""TPAMI, table 10: SE-ResNet-50 at different reduction ratios."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import PLAIN, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="10",
    topic="reduction",
    caption="SE-ResNet-50 at different reduction ratios",
    baseline="original",
    rows=(
        Row("original", PLAIN, "ResNet-50"),
        *(Row(f"r={r}", variant(reduction=r), f"SE-ResNet-50 r={r}") for r in (2, 4, 8, 16, 32)),
    ),
    companions=RESNET50_COMPANIONS,
)
