"""Excitations: what the gates of a network do, class by class, in memory that does not grow with the images.

K classes, M channels of all blocks side by side, S rows of the histogram, N bins.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import StudyError
from senet_lab.records.files import replace_file
from senet_lab.study.se import Gate

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
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


# A ReLU gate has no upper end: one bin more counts all from 4 on, and quantiles there are 4.
BINS = {Gate.SIGMOID: Bins(0.0, 1.0, 100), Gate.TANH: Bins(-1.0, 1.0, 100), Gate.RELU: Bins(0.0, 4.0, 20, True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What was looked at. weights: recorded, file, timm or random; revision: of the source that trained them, or,
    where that is not known, of the source that captured."""

    network: str
    weights: str
    protocol: str
    dataset: str
    split: str
    seed: int | None
    revision: str
    synthetic: bool

    @property
    def passing(self) -> bool:
        """Whether this shows no real network on real data, so that git does not keep it."""
        return self.synthetic or self.weights == "random"


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
        """The bins of the histogram; their width is the resolution of the quantiles."""
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

    def quantile_SM(self, q: float) -> Floats:
        """From the histogram, true to one bin; not a number where a row is empty."""
        cumulative = self.histogram_SMN.cumsum(axis=-1)
        total = cumulative[..., -1:]
        wanted = q * total
        index = (cumulative < np.maximum(wanted, 1)).sum(axis=-1, keepdims=True).clip(0, self.bins.number - 1)
        inside = np.take_along_axis(self.histogram_SMN, index, -1)
        before = np.take_along_axis(cumulative, index, -1) - inside
        part = np.clip((wanted - before) / np.maximum(inside, 1), 0, 1)
        values = np.minimum(self.bins.low + (index + part) / self.bins.per_unit, self.bins.high)
        return np.where(total > 0, values, np.nan)[..., 0]

    def blocks(self) -> Iterator[tuple[Span, "Excitations"]]:
        """Every block in forward order, with its part of the arrays as views."""
        for span in self.spans:
            parts = {name: getattr(self, name)[:, span.slice] for name in ARRAYS if name != "count_K"}
            yield span, replace(self, spans=(replace(span, start=0),), **parts)


def merge(a: Excitations, b: Excitations) -> Excitations:
    """Both together, as if captured in one pass (Chan, Golub & LeVeque 1979).

    Raises ValueError where they are of another network, other classes or other rows.
    """
    for field in ("origin", "gate", "over_space", "spans", "class_names", "own_rows"):
        if getattr(a, field) != getattr(b, field):
            raise ValueError(f"these excitations differ in {field} and cannot be merged")
    count = a.count_K + b.count_K
    share = (b.count_K / np.maximum(count, 1))[:, None]
    delta = b.mean_KM - a.mean_KM
    return replace(
        a,
        count_K=count,
        mean_KM=a.mean_KM + delta * share,
        m2_KM=a.m2_KM + b.m2_KM + delta**2 * a.count_K[:, None] * share,
        lowest_KM=np.minimum(a.lowest_KM, b.lowest_KM),
        highest_KM=np.maximum(a.highest_KM, b.highest_KM),
        histogram_SMN=a.histogram_SMN + b.histogram_SMN,
    )


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
    arrays: dict[str, Any] = {name: getattr(excitations, name) for name in ARRAYS}
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
