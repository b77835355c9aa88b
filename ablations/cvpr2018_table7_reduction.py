"""CVPR 2018, table 7: SE-ResNet-50 at different reduction ratios."""

from dataclasses import replace

from ablations.companions import RESNET50_COMPANIONS
from ablations.protocols import IMAGENET_100EP
from senet_lab.study import Cell, Row, SESpec, Table

# FC layers have biases: with them the computed parameters fit the published ones. The journal's ablations drop them.
BASE = Cell(backbone="resnet50", se=SESpec(bias=True), protocol=IMAGENET_100EP)

TABLE = Table(
    edition="cvpr2018",
    number="7",
    topic="reduction",
    caption="SE-ResNet-50 at different reduction ratios",
    baseline="original",
    rows=(
        Row("original", replace(BASE, se=None), "ResNet-50"),
        *(
            Row(f"r={r}", replace(BASE, se=SESpec(reduction=r, bias=True)), f"SE-ResNet-50 r={r}")
            for r in (4, 8, 16, 32)
        ),
    ),
    companions=RESNET50_COMPANIONS,
)
