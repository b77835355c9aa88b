"""TPAMI, table 11: SE-ResNet-50 with different squeeze operators."""

from ablations.tpami_ablations import SE, ablation, variant

TABLE = ablation(
    "11",
    topic="squeeze",
    caption="SE-ResNet-50 with different squeeze operators",
    baseline="Avg",
    rows={"Max": variant(squeeze="max"), "Avg": SE},
)
