"""TPAMI, table 4: classification error on CIFAR-10, each network by its own paper's recipe.

ResNet-110 and ResNet-164 are the pre-activation networks of He et al. 2016b, since the published plain numbers are that
paper's. The table states neither the reduction ratio nor whether the FC layers have biases.
"""

from ablations.pairs import with_and_without_se
from ablations.protocols import CIFAR10_HE2016, CIFAR10_SHAKE, CIFAR10_WRN
from senet_lab.study import Table

TABLE = Table(
    edition="tpami",
    number="4",
    topic="cifar10",
    caption="Classification error on CIFAR-10",
    baseline="ResNet-110",
    rows=(
        *with_and_without_se("ResNet-110", "cifar_preresnet110", CIFAR10_HE2016),
        *with_and_without_se("ResNet-164", "cifar_preresnet164", CIFAR10_HE2016),
        *with_and_without_se("WRN-16-8", "cifar_wrn16_8", CIFAR10_WRN),
        *with_and_without_se("Shake-Shake 26 2x96d + Cutout", "cifar_shake26_2x96d", CIFAR10_SHAKE),
    ),
    companions={},
)
