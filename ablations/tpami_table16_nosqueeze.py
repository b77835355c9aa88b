"""TPAMI, table 16: Excitation without squeeze in ResNet-50."""

from ablations.tpami_ablations import PLAIN, SE, ablation, variant

TABLE = ablation(
    "16",
    topic="nosqueeze",
    caption="Excitation without squeeze in ResNet-50",
    baseline="ResNet-50",
    rows={"ResNet-50": PLAIN, "NoSqueeze": variant(squeeze="none"), "SE": SE},
)
