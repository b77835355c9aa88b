"""TPAMI, table 12: SE-ResNet-50 with different gates."""

from ablations.tpami_ablations import SE, ablation, variant

TABLE = ablation(
    "12",
    topic="gate",
    caption="SE-ResNet-50 with different gates",
    baseline="Sigmoid",
    rows={"ReLU": variant(gate="relu"), "Tanh": variant(gate="tanh"), "Sigmoid": SE},
)
