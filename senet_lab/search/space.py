"""The space of a search, which has two nuisance hyperparameters, and its protocol on held-out training images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from senet_lab.errors import StudyError
from senet_lab.study.protocol import HELD_OUT, Protocol

PEAK_LR, WEIGHT_DECAY = (0.01, 1.0), (1e-5, 1e-2)  # ranges, searched on a log scale
RANGES = {"peak_lr": PEAK_LR, "weight_decay": WEIGHT_DECAY}
EVERY = 10  # every tenth training image is held out


@dataclass(frozen=True, slots=True)
class Point:
    """One choice of hyperparameters, rounded to four digits, so that the printed values are the trained ones."""

    peak_lr: float
    weight_decay: float

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Point":
        """The point of a trial's parameters."""
        return cls(*(float(f"{values[name]:.4g}") for name in RANGES))

    def __str__(self) -> str:
        return f"peak lr {self.peak_lr:g}, weight decay {self.weight_decay:g}"

    def under(self, protocol: Protocol) -> Protocol:
        """The protocol with these values, and with a name that tells them."""
        return replace(
            protocol,
            name=f"{protocol.name}-lr-{self.peak_lr:g}-wd-{self.weight_decay:g}",
            title=f"{protocol.title}; {self}" if protocol.title else str(self),
            schedule=replace(protocol.schedule, peak_lr=self.peak_lr),
            weight_decay=self.weight_decay,
        )


def held_out_protocol(protocol: Protocol) -> Protocol:
    """The protocol with every tenth training image held out for evaluation. No test image is opened.

    Raises StudyError for a protocol of photos, since a search trains many networks, and for one whose images cannot be
    parted so.
    """
    if protocol.dataset.of_photos:
        raise StudyError(
            f"protocol {protocol.name} is of photos; a search trains many networks, so it takes only "
            "protocols of 32 x 32 images"
        )
    if protocol.evaluation_split == HELD_OUT:
        return protocol
    if protocol.train_images_per_class:
        raise StudyError(
            f"protocol {protocol.name} trains on a part of each class; a search needs one that trains on all"
        )
    held = -(-protocol.train_images // EVERY)
    try:
        return replace(
            protocol,
            name=f"{protocol.name}-search",
            train_images=protocol.train_images - held,
            test_images=held,
            evaluation_split=HELD_OUT,
        )
    except ValueError as error:
        raise StudyError(f"protocol {protocol.name} cannot be searched: {error}") from None


def guessing_error_pct(protocol: Protocol) -> float:
    """The error of guessing in percent. A trial that diverged counts with this error."""
    return 100 * (1 - 1 / protocol.num_classes)
