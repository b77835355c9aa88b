"""Detection: what a protocol says beside its schedule where the networks find objects instead of naming photos.

The trunk of a detector is a network of classification. Its weights are part of the condition: a plain trunk and one
with SE can be compared only where one recipe trained both, so the recipe stands in the protocol that they share.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from senet_lab.study.names import check_label, check_name
from senet_lab.study.values import convert_fields

DIGEST_LENGTH = 16  # hexadecimal digits


class Head(StrEnum):
    """What looks at the regions that are proposed."""

    PYRAMID = "pyramid"  # two FC layers, on a feature pyramid over all stages
    STAGE5 = "stage5"  # the trunk's own last stage, on the maps of stage 4


@dataclass(frozen=True, slots=True)
class TrunkFile:
    """A file of weights: the network that it is of, in words (``network_names.described``), and its SHA-256."""

    network: str
    sha256: str

    def __post_init__(self) -> None:
        convert_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """The one recipe that trained the trunks of all rows.

    recipe: the name of a protocol of this project, with its version and a digest of its value; the trunk of a run is
    then the network of the recorded run of equal seed. Or the recipe of released weights in words, with their files.
    """

    recipe: str
    version: int = 1
    digest: str = ""
    files: tuple[TrunkFile, ...] = ()

    def __post_init__(self) -> None:
        convert_fields(self)
        check_label("the recipe of pretrained trunks", self.recipe)
        if bool(self.digest) == bool(self.files):
            raise ValueError(f"trunks by {self.recipe!r} need either the digest of a protocol or files")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Of a detector. train, test: names of splits, which name their photos' folder and their file of annotations.

    longest: pixels of a photo's longer side at most, after its shorter one was resized to the protocol's image_size.
    pretraining: of the trunk; None: drawn from the seed. images_together: that pass through the network as one and
    share the sampling of regions, whatever the number of devices. epoch_steps: steps of an epoch where it is shorter
    than a pass over all photos (0: a whole pass). frozen_stages: how many of stem, stage 2, ... keep their weights.
    anchors: side lengths in pixels, one a level of a pyramid, all on one map without one. proposals: regions of a photo
    that the head looks at in evaluation. regions: of a photo that the head is trained on in a step.
    """

    head: Head
    train: str
    test: str
    longest: int
    pretraining: Pretraining | None = None
    images_together: int = 2
    epoch_steps: int = 0
    frozen_stages: int = 2
    anchors: tuple[int, ...] = (32, 64, 128, 256, 512)
    proposals: int = 1000
    regions: int = 512

    def __post_init__(self) -> None:
        convert_fields(self)
        check_name("a split", self.train)
        check_name("a split", self.test)
        numbers = (self.longest, self.images_together, self.proposals, self.regions, *self.anchors)
        if min(numbers) < 1 or min(self.epoch_steps, self.frozen_stages) < 0 or not self.anchors:
            raise ValueError(f"a detector of {self.train} has a size or number that is not above 0")


def digest_of(text: str) -> str:
    """Of the canonical JSON of a protocol, short."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
