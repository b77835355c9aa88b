"""TPAMI, table 5: classification error on CIFAR-100, each network by its own paper's recipe.

ResNet-110 and ResNet-164 are the pre-activation networks of He et al. 2016b, since the published plain numbers are that
paper's. The table states neither the reduction ratio nor whether the FC layers have biases.
"""

from ablations.pairs import with_and_without_se
from ablations.protocols import CIFAR100_HE2016, CIFAR100_SHAKE_EVEN, CIFAR100_WRN
from senet_lab.study import Table

TABLE = Table(
    edition="tpami",
    number="5",
    topic="cifar100",
    caption="Classification error on CIFAR-100",
    baseline="ResNet-110",
    rows=(
        *with_and_without_se("ResNet-110", "cifar_preresnet110", CIFAR100_HE2016),
        *with_and_without_se("ResNet-164", "cifar_preresnet164", CIFAR100_HE2016),
        *with_and_without_se("WRN-16-8", "cifar_wrn16_8", CIFAR100_WRN),
        *with_and_without_se("Shake-Even 29 2x4x64d + Cutout", "cifar_shake29_2x4x64d", CIFAR100_SHAKE_EVEN),
    ),
    companions={},
)
