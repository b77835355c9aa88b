"""TPAMI, table 13: SE blocks in one stage of ResNet-50 at a time."""

from ablations.tpami_ablations import PLAIN, SE, ablation, variant

TABLE = ablation(
    "13",
    topic="stages",
    caption="SE blocks in one stage of ResNet-50 at a time",
    baseline="ResNet-50",
    rows={
        "ResNet-50": PLAIN,
        **{f"SE_Stage_{stage}": variant(stages=(stage,)) for stage in (2, 3, 4)},
        "SE_All": SE,
    },
)
