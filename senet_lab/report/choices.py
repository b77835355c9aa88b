"""What the networks of a table are where the paper says nothing, or where they depart from their source.

Recipes have departures of their own (``Protocol.departures``). These here belong to networks and to places of blocks.
"""

from collections.abc import Iterable

from senet_lab.study.cell import Cell
from senet_lab.study.se import FIRST_STAGE, Excitation, Integration, SESpec

UNSAID = "Not stated in the paper"
# Names of networks.
BASIC = ("cifar_resnet20", "cifar_resnet32", "cifar_resnet44", "cifar_resnet56", "cifar_resnet110")
PRE_ACTIVATION = ("cifar_preresnet110", "cifar_preresnet164", "cifar_wrn16_8")
BOTTLENECKS = (  # of CIFAR; the first two are the companions of ResNet-50
    "cifar_resnet29_bottleneck",
    "cifar_resnet11_bottleneck",
    "cifar_resnet164_bottleneck",
    "cifar_preresnet164",
)
SHAKE = ("cifar_shake26_2x96d", "cifar_shake29_2x4x64d")
OF_NETWORKS = {
    BASIC: (
        "Departure: CIFAR ResNets of basic units have a 1x1 projection where the shape changes; He et al. 2016a have "
        "shortcuts without parameters."
    ),
    ("vgg16",): (
        f"{UNSAID}: whether VGG-16 has dropout. Here it has that of its authors, 0.5 after both hidden FC layers."
    ),
    ("inception_resnet_v2",): (
        f"{UNSAID}: which Inception-ResNet-v2, and whether it has dropout. Here it has the widths and the dropout, "
        "0.2, of its authors' released network."
    ),
}
OF_SE = {  # of networks with SE blocks
    ("shufflenet",): (
        "Departure: the first unit of ShuffleNet's stage 2 has no SE block, since r=16 does not divide its 216 "
        f"channels. {UNSAID}: the place of the others. Here it is the end of a unit's residual branch."
    ),
    ("mobilenet",): (
        f"{UNSAID}: the place of MobileNet's SE blocks. Here they follow each pointwise convolution's ReLU, which fits "
        "the printed numbers of parameters."
    ),
    ("inception_resnet_v2",): (
        f"{UNSAID}: on which side of the constant scaling SE blocks stand. Here they stand before it."
    ),
    PRE_ACTIVATION: (
        f"{UNSAID}: where SE blocks stand in pre-activation units. Here they stand at the end of the branch."
    ),
    SHAKE: (
        f"{UNSAID}: where SE blocks stand in Shake-Shake units. Here a unit has one, after its branches are mixed."
    ),
}
OF_PLACES = {
    Integration.CONV3X3: (
        f"{UNSAID}: whether SE after the 3x3 convolution comes before its batch norm and ReLU. Here it stands between "
        "them."
    ),
    Integration.PRE: (
        f"{UNSAID}: whether the shortcut passes by SE-PRE. Here it does: the block stands at the beginning of the "
        "branch."
    ),
    Integration.IDENTITY: (
        f"{UNSAID}: on which side of a shortcut's projection SE-Identity stands. Here it stands behind it."
    ),
}
OF_PLACES_IN = {  # of a place in some networks
    (Integration.PRE, PRE_ACTIVATION): (
        f"{UNSAID}: where SE-PRE stands in pre-activation units. Here it stands before the unit's first batch norm; in "
        "units that change the shape and in the network's first, behind that batch norm and its ReLU."
    ),
    (Integration.POST, (*PRE_ACTIVATION, SHAKE[0])): (
        "Departure: SE-POST follows the ReLU after the sum in the paper; units that have no ReLU there have it right "
        "after the sum."
    ),
}

CHANNELS = 16  # of the narrowest maps that these networks have, where r=16 leaves an SE block one hidden unit
ONE_UNIT = "has one hidden unit. If that is off for every image, the gates are constant"
OF_ONE_UNIT = {  # of blocks with FC layers that see maps of CHANNELS at r=CHANNELS; by place, None stands for any
    (Integration.PRE, BOTTLENECKS): (
        f"The block of SE-PRE in the first unit sees {CHANNELS} channels, so with r={CHANNELS} it {ONE_UNIT}"
        ". ResNet-50's has four."
    ),
    (Integration.CONV3X3, BOTTLENECKS): (
        f"Each block of SE_3x3 in stage 2 sees {CHANNELS} channels, so with r={CHANNELS} it {ONE_UNIT}. "
        "ResNet-50's have four."
    ),
    (None, (*BASIC, "cifar_preresnet110")): (
        f"With r={CHANNELS} each SE block of a stage with {CHANNELS} channels {ONE_UNIT}. The paper's networks for "
        "ImageNet have four or more."
    ),
}


def choices_of(cells: Iterable[Cell]) -> list[str]:
    """A sentence for each choice that the networks of these cells contain, each once."""
    found: dict[str, None] = {}
    for cell in cells:
        se = cell.se if isinstance(cell.se, SESpec) else None
        for texts, holds in ((OF_NETWORKS, True), (OF_SE, se is not None)):
            found |= {text: None for names, text in texts.items() if holds and cell.backbone in names}
        if se is not None and se.integration in OF_PLACES:
            found[OF_PLACES[se.integration]] = None
        found |= {
            text: None
            for (place, names), text in OF_PLACES_IN.items()
            if se is not None and se.integration is place and cell.backbone in names
        }
        found |= {
            text: None
            for (place, names), text in OF_ONE_UNIT.items()
            if se is not None and _has_one_unit(se) and place in (None, se.integration) and cell.backbone in names
        }
    return list(found)


def _has_one_unit(se: SESpec) -> bool:
    """Whether a block that sees CHANNELS has one hidden unit."""
    return se.excitation is Excitation.FC and se.covers(FIRST_STAGE) and se.at(FIRST_STAGE).reduction == CHANNELS
