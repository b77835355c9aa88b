"""The training and evaluation recipes, named and versioned.

A change of any value is a new version. Where the paper leaves a value open, one is assumed here and stated under
``departures``. Every report lists the departures.
"""

from ablations.protocols.cifar import (
    CIFAR10,
    CIFAR10_300EP,
    CIFAR10_HE2016,
    CIFAR10_SHAKE,
    CIFAR10_WRN,
    CIFAR100,
    CIFAR100_HE2016,
    CIFAR100_SHAKE_EVEN,
    CIFAR100_WRN,
)
from ablations.protocols.coco import COCO_2014, COCO_MINIVAL, COCO_SHORT
from ablations.protocols.imagenet import (
    IMAGENET_100EP,
    IMAGENET_100EP_299,
    IMAGENET_270EP,
    IMAGENET_PLATEAU,
    IMAGENET_SOTA,
    IMAGENET_SOTA_320,
    MOBILE,
)
from ablations.protocols.photos import IMAGENET_FAST, IMAGENETTE, IMAGENETTE_SHORT, PLACES365
from ablations.protocols.short import CIFAR10_QUICK, CIFAR10_SHORT, CIFAR100_SHORT, DEMO, PEAK_RATE_CANDIDATES

__all__ = [
    "BOX_RECIPE",
    "CIFAR10",
    "CIFAR10_300EP",
    "CIFAR10_HE2016",
    "CIFAR10_QUICK",
    "CIFAR10_SHAKE",
    "CIFAR10_SHORT",
    "CIFAR10_WRN",
    "CIFAR100",
    "CIFAR100_HE2016",
    "CIFAR100_SHAKE_EVEN",
    "CIFAR100_SHORT",
    "CIFAR100_WRN",
    "COCO_2014",
    "COCO_MINIVAL",
    "COCO_SHORT",
    "DEFAULT_PROTOCOL",
    "DEMO",
    "IMAGENETTE",
    "IMAGENETTE_SHORT",
    "IMAGENET_100EP",
    "IMAGENET_100EP_299",
    "IMAGENET_270EP",
    "IMAGENET_ALIAS",
    "IMAGENET_FAST",
    "IMAGENET_PLATEAU",
    "IMAGENET_SOTA",
    "IMAGENET_SOTA_320",
    "MOBILE",
    "PEAK_RATE_CANDIDATES",
    "PHOTO_RECIPE",
    "PLACES365",
    "PROTOCOLS",
]

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        DEMO,
        CIFAR10_QUICK,
        CIFAR10_SHORT,
        CIFAR100_SHORT,
        *PEAK_RATE_CANDIDATES,
        CIFAR10,
        CIFAR100,
        IMAGENET_100EP,
        IMAGENET_100EP_299,
        MOBILE,
        IMAGENET_PLATEAU,
        IMAGENET_270EP,
        CIFAR10_300EP,
        CIFAR10_HE2016,
        CIFAR100_HE2016,
        CIFAR10_WRN,
        CIFAR100_WRN,
        CIFAR10_SHAKE,
        CIFAR100_SHAKE_EVEN,
        IMAGENET_SOTA,
        IMAGENET_SOTA_320,
        IMAGENET_FAST,
        IMAGENETTE,
        IMAGENETTE_SHORT,
        PLACES365,
        COCO_2014,
        COCO_MINIVAL,
        COCO_SHORT,
    )
}
DEFAULT_PROTOCOL = DEMO.name
PHOTO_RECIPE = IMAGENETTE.name  # trains a user's own photos where no protocol is named
BOX_RECIPE = COCO_SHORT.name  # trains a user's own photos with boxes where no protocol is named
IMAGENET_ALIAS = "imagenet"  # for an ImageNet table: that table's own protocol
