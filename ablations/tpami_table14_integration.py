"""TPAMI, table 14: SE block at different points of the residual unit of ResNet-50."""

from ablations.tpami_ablations import SE, ablation, variant

TABLE = ablation(
    "14",
    topic="integration",
    caption="SE block at different points of the residual unit of ResNet-50",
    baseline="SE",
    rows={
        "SE": SE,
        "SE-PRE": variant(integration="pre"),
        "SE-POST": variant(integration="post"),
        "SE-Identity": variant(integration="identity"),
    },
)
