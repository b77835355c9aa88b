"""TPAMI, table 12: SE-ResNet-50 with different gates."""

from ablations.companions import RESNET50_COMPANIONS
from ablations.tpami_ablations import SE, variant
from senet_lab.study import Row, Table

TABLE = Table(
    edition="tpami",
    number="12",
    topic="gate",
    caption="SE-ResNet-50 with different gates",
    baseline="Sigmoid",
    rows=(
        Row("ReLU", variant(gate="relu"), "ReLU"),
        Row("Tanh", variant(gate="tanh"), "Tanh"),
        Row("Sigmoid", SE, "Sigmoid"),
    ),
    companions=RESNET50_COMPANIONS,
)
