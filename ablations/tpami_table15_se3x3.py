"""TPAMI, table 15: SE block after the 3x3 convolution of ResNet-50."""

from ablations.tpami_ablations import SE, ablation, variant

TABLE = ablation(
    "15",
    topic="se3x3",
    caption="SE block after the 3x3 convolution of ResNet-50",
    baseline="SE",
    rows={"SE": SE, "SE_3x3": variant(integration="conv3x3")},
)
