"""Excitations: statistics of a network's gates, class by class. Their size does not grow with the number of images.

K classes, M channels of all blocks side by side, S rows of the histogram, N bins.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_lab.records.files import replace_file
from senet_lab.study.se import Gate

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
RANDOM = "random"  # a value of ``Origin.weights``
ALL = "all classes"
# Names of columns in these files and in the figures' data, which no class may have.
COLUMNS = ("block", "channel", "gate", ALL, "class_name", "mean_gate", "standard_deviation", "share")
ARRAYS = ("count_K", "mean_KM", "m2_KM", "lowest_KM", "highest_KM", "histogram_SMN")


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of width 1/per_unit from low to high. overflow: whether a further bin holds all values from high on.

    A bin contains its lower edge. Without overflow, the last bin contains high as well.
    """

    low: float
    high: float
    per_unit: int
    overflow: bool = False

    @property
    def number(self) -> int:
        """The number of bins, overflow included."""
        return round((self.high - self.low) * self.per_unit) + self.overflow

    def below(self, value: float) -> int:
        """The number of bins below a value, which must be an edge."""
        return round((value - self.low) * self.per_unit)

    def edges(self) -> Floats:
        """The lower edges of the bins, N."""
        return self.low + np.arange(self.number) / self.per_unit


# A ReLU gate has no upper limit: a further bin counts all values from 4 on.
BINS = {
    Gate.SIGMOID: Bins(0.0, 1.0, 100),
    Gate.TANH: Bins(-1.0, 1.0, 100),
    Gate.RELU: Bins(0.0, 4.0, 20, True),
    Gate.DOUBLE_SIGMOID: Bins(0.0, 2.0, 50),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The network, weights and images of a capture.

    weights: recorded, file, release (as timm or torchvision provide them) or random. weights_from: in words, for
    weights without a recorded run. revision: of the source that trained the weights, or, if that is not known, of the
    source that captured. non_linearity: of the gates, in words. stages: the width of each stage's maps in pixels, for
    a network whose blocks are numbered by resolution.
    """

    network: str
    weights: str
    protocol: str
    dataset: str
    split: str
    seed: int | None
    revision: str
    synthetic: bool
    weights_from: str = ""
    non_linearity: str = "sigmoid"
    stages: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_demo(self) -> bool:
        """Whether the images are synthetic or the weights random, so that git does not keep the capture."""
        return self.synthetic or self.weights == RANDOM


@dataclass(frozen=True, slots=True)
class Span:
    """The place of one block's channels among the M channels: ``channels`` channels from ``start`` on."""

    name: str
    start: int
    channels: int

    @property
    def slice(self) -> slice:
        """The block's channels as a slice of the axis M."""
        return slice(self.start, self.start + self.channels)


@dataclass(frozen=True, slots=True, eq=False)
class Excitations:
    """Statistics over the images of each class.

    over_space: whether every gate was averaged over space first. own_rows: the classes that have a row of the histogram
    each. The other classes, if there are any, share a last row. count_K: images of each class. m2_KM: sums of squared
    deviations from the class mean. lowest_KM, highest_KM: smallest and largest gate.
    """

    origin: Origin
    gate: Gate
    over_space: bool
    spans: tuple[Span, ...]
    class_names: tuple[str, ...]
    own_rows: tuple[int, ...]
    count_K: Counts
    mean_KM: Floats
    m2_KM: Floats
    lowest_KM: NDArray[np.float32]
    highest_KM: NDArray[np.float32]
    histogram_SMN: Counts

    @property
    def images(self) -> int:
        """The number of images."""
        return int(self.count_K.sum())

    @property
    def bins(self) -> Bins:
        """The bins of the histogram."""
        return BINS[self.gate]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which classes have images, K."""
        return self.count_K > 0

    def variance_KM(self) -> Floats:
        """Variance over the images of each class, divided by their number; 0 for a class without images."""
        return self.m2_KM / np.maximum(self.count_K, 1)[:, None]

    def overall_mean_M(self) -> Floats:
        """Mean over all images, as the histograms and numbers of all classes are."""
        return np.asarray(np.average(self.mean_KM[self.seen], axis=0, weights=self.count_K[self.seen]))

    def blocks(self) -> Iterator[tuple[Span, "Excitations"]]:
        """Every block in forward order: its span, and excitations whose arrays are views of the block's part."""
        for span in self.spans:
            parts = {name: getattr(self, name)[:, span.slice] for name in ARRAYS if name != "count_K"}
            yield span, replace(self, spans=(replace(span, start=0),), **parts)


def save(path: Path, excitations: Excitations) -> None:
    """Writes excitations as an .npz file, which appears whole or not at all."""
    card = {
        "origin": asdict(excitations.origin),
        "gate": excitations.gate.value,
        "over_space": excitations.over_space,
        "spans": [asdict(span) for span in excitations.spans],
        "class_names": excitations.class_names,
        "own_rows": excitations.own_rows,
    }
    data = BytesIO()
    arrays = {name: getattr(excitations, name) for name in ARRAYS}
    np.savez_compressed(data, card=np.array(json.dumps(card)), **arrays)
    replace_file(path, data.getvalue())
