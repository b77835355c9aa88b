"""Excitations: what the gates of a network do, class by class, in memory that does not grow with the images.

K classes, M channels of all blocks side by side, S rows of the histogram, N bins.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import StudyError
from senet_lab.records.files import replace_file
from senet_lab.study.se import Gate

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
RANDOM = "random"  # weights of an origin
ARRAYS = ("count_K", "mean_KM", "m2_KM", "lowest_KM", "highest_KM", "histogram_SMN")


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of 1/per_unit from low to high; where ``overflow``, one more for all that lies above.

    A bin holds its lower edge; the last one up to high holds high as well, where there is no overflow.
    """

    low: float
    high: float
    per_unit: int
    overflow: bool = False

    @property
    def number(self) -> int:
        """How many, the overflow included."""
        return round((self.high - self.low) * self.per_unit) + self.overflow

    def below(self, value: float) -> int:
        """How many bins lie wholly below a value that is an edge."""
        return round((value - self.low) * self.per_unit)

    def edges(self) -> Floats:
        """The lower edges, N."""
        return self.low + np.arange(self.number) / self.per_unit


# A ReLU gate has no upper end: one bin more counts all from 4 on.
BINS = {Gate.SIGMOID: Bins(0.0, 1.0, 100), Gate.TANH: Bins(-1.0, 1.0, 100), Gate.RELU: Bins(0.0, 4.0, 20, True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What was looked at.

    weights: recorded, file, release (as timm or torchvision bring them) or random. weights_from: in words, where they
    are of no recorded run. revision: of the source that trained them, or, where that is not known, of the source that
    captured. non_linearity: of the gates, in words. stages: for a network whose blocks are numbered by resolution,
    the size of each stage's maps in pixels.
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
        """Whether this shows no real network on real data, so that git does not keep it."""
        return self.synthetic or self.weights == RANDOM


@dataclass(frozen=True, slots=True)
class Span:
    """One block's channels among the M: from ``start``, so many."""

    name: str
    start: int
    channels: int

    @property
    def slice(self) -> slice:
        """Its place on the axis of channels."""
        return slice(self.start, self.start + self.channels)


@dataclass(frozen=True, slots=True, eq=False)
class Excitations:
    """Statistics over the images of each class. over_space: every gate was averaged over space first.

    m2: sums of squared deviations from the class mean. own_rows: classes with a row of the histogram for
    themselves; all others share the last row, which is there only where there are such.
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
        """How many were seen."""
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
        """Over the images of a class (divided by their number); of a class without images, 0."""
        return self.m2_KM / np.maximum(self.count_K, 1)[:, None]

    def overall_mean_M(self) -> Floats:
        """Mean over the classes that have images, each as heavy as any other."""
        return np.asarray(self.mean_KM[self.seen].mean(axis=0))

    def blocks(self) -> Iterator[tuple[Span, "Excitations"]]:
        """Every block in forward order, with its part of the arrays as views."""
        for span in self.spans:
            parts = {name: getattr(self, name)[:, span.slice] for name in ARRAYS if name != "count_K"}
            yield span, replace(self, spans=(replace(span, start=0),), **parts)


def save(path: Path, excitations: Excitations) -> None:
    """Writes an .npz file, whole or not at all."""
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


def load(path: Path) -> Excitations:
    """What ``save`` wrote. Raises StudyError for a file that is missing or no such file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            card = json.loads(str(file["card"]))
            arrays = {name: file[name] for name in ARRAYS}
            return Excitations(
                origin=Origin(**card["origin"]),
                gate=Gate(card["gate"]),
                over_space=card["over_space"],
                spans=tuple(Span(**span) for span in card["spans"]),
                class_names=tuple(card["class_names"]),
                own_rows=tuple(card["own_rows"]),
                **arrays,
            )
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; make it with senet-lab excitations") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise StudyError(f"{path} holds no excitations ({' '.join(str(error).split())[:200]})") from None
