"""Detection: the part of a protocol for networks that find objects in photos.

The trunk of a detector is a classification network. Its weights are part of the scientific condition: a plain trunk and
one with SE can be compared only where one recipe trained both. So the recipe is in the protocol that both share.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from senet_lab.study.names import check_label, check_name
from senet_lab.study.values import convert_fields

DIGEST_LENGTH = 16  # hexadecimal digits


class Head(StrEnum):
    """The network that classifies the proposed regions."""

    PYRAMID = "pyramid"  # two FC layers, on a feature pyramid over all stages
    STAGE5 = "stage5"  # the trunk's own last stage, on the maps of stage 4


@dataclass(frozen=True, slots=True)
class TrunkFile:
    """A file of weights. network: the network in words (``network_names.described``). sha256: of the file."""

    network: str
    sha256: str

    def __post_init__(self) -> None:
        convert_fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """The one recipe that trained the trunks of all rows.

    Either it is a protocol of this project: recipe, version and digest are its name, its version and a hash of its
    value. Then the trunk of a run is the network of the recorded run with the same seed. Or it is the recipe of
    released weights: recipe describes it in words, and files lists the weights. Raises ValueError where neither or both
    are given.
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
    """The settings of a detector.

    train, test: names of splits; they name the folder of photos and the file of annotations. longest: the most pixels
    of a photo's longer side, after its shorter side was resized to the protocol's image_size. pretraining: how the
    trunk was trained; None: it is initialised from the seed. images_together: how many images pass through the network
    together and share the sampling of regions; it does not depend on the number of devices. epoch_steps: steps of an
    epoch that is shorter than a pass over all photos (0: a whole pass). frozen_stages: how many of stem, stage 2, ...
    keep their weights. anchors: side lengths in pixels, one for each level of a pyramid; without a pyramid, all on one
    map. proposals: how many regions of a photo the head classifies in evaluation. regions: how many regions of a photo
    the head is trained on in a step. Raises ValueError for a size or number out of range.
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
    """A short hash of the canonical JSON of a protocol."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
