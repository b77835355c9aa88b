"""TPAMI, table 13: SE blocks in one stage of ResNet-50 at a time."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import PLAIN, SE, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="13",
    topic="stages",
    caption="SE blocks in one stage of ResNet-50 at a time",
    baseline="ResNet-50",
    rows=(
        Row("ResNet-50", PLAIN, "ResNet-50"),
        *(Row(f"SE_Stage_{stage}", variant(stages=(stage,)), f"SE_Stage_{stage}") for stage in (2, 3, 4)),
        Row("SE_All", SE, "SE_All"),
    ),
    companions=RESNET50_COMPANIONS,
)
