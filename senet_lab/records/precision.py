"""The average precision of a detector, which its record holds, and the boxes that it found, which are a file.

A record has the AP of resamples of the photos too, so that the difference of two runs has an interval without their
boxes: resample k draws the same photos in every run on the same photos.

R resamples, D found boxes.
"""

import base64
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import StudyError

RESAMPLES = 1_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """AP in percent over all photos of an evaluation: over ten overlaps, at 0.5, at 0.75, and of small, medium and
    large objects (None where there are none), as COCO's own code has it. photos, boxes: how many were looked at, and
    found. resamples: the first of these numbers for each resample of the photos, percent, packed.
    """

    ap_pct: float
    ap50_pct: float
    ap75_pct: float
    ap_small_pct: float | None
    ap_medium_pct: float | None
    ap_large_pct: float | None
    photos: int
    boxes: int
    resamples: str

    def __post_init__(self) -> None:
        found = (getattr(self, field.name) for field in fields(self) if field.name.startswith("ap"))
        if not all(ap is None or 0.0 <= ap <= 100.0 for ap in found) or self.photos < 1 or self.boxes < 0:
            raise ValueError("an AP that is no percentage, or no photos")
        if len(base64.b64decode(self.resamples, validate=True)) != 4 * RESAMPLES:
            raise ValueError(f"its resamples are not {RESAMPLES}")

    def of_resamples(self) -> Floats:
        """AP in percent, R."""
        return np.frombuffer(base64.b64decode(self.resamples), dtype="<f4").astype(np.float64)


def packed(resamples_R: Floats) -> str:
    """The text of a record."""
    return base64.b64encode(resamples_R.astype("<f4").tobytes()).decode()


def drawn(photos: int, resample: int) -> NDArray[np.int64]:
    """How often each of so many photos is in a resample; the same whoever asks."""
    random = np.random.default_rng([2014, photos, resample])
    return np.bincount(random.integers(photos, size=photos), minlength=photos)


@dataclass(frozen=True, eq=False, slots=True)
class FoundBoxes:
    """The boxes that a detector found. photo: D, numbers of photos; category: D, numbers of categories.

    box: fp32 D 4 as left, top, width, height in pixels. score: fp32 D, from 0 to 1.
    """

    photo: NDArray[np.int64]
    category: NDArray[np.int64]
    box: NDArray[np.float32]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.photo)

    def to_bytes(self) -> bytes:
        """The content of a file, compressed; the same boxes give the same bytes."""
        data = io.BytesIO()
        np.savez_compressed(data, photo=self.photo, category=self.category, box=self.box, score=self.score)
        return data.getvalue()

    def columns(self) -> list[list[float]]:
        """One line a box as COCO's own code takes them: photo, left, top, width, height, score, category."""
        table = np.column_stack([self.photo, self.box, self.score, self.category])
        found: list[list[float]] = table.tolist()
        return found


def boxes_from_bytes(data: bytes, path: object) -> FoundBoxes:
    """What ``to_bytes`` made. Raises StudyError, naming the path, for anything else."""
    kinds: dict[str, Callable[[NDArray[np.generic]], bool]] = {
        "photo": lambda a: a.dtype == np.int64,
        "category": lambda a: a.dtype == np.int64,
        "box": lambda a: a.dtype == np.float32 and a.shape[1:] == (4,),
        "score": lambda a: a.dtype == np.float32,
    }
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in kinds}
        if len({len(a) for a in arrays.values()}) != 1 or not all(fits(arrays[name]) for name, fits in kinds.items()):
            raise ValueError("its arrays are not those of found boxes")
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StudyError(
            f"{path} is no file of found boxes ({error}); delete it: the record does not need it"
        ) from None
    return FoundBoxes(**arrays)
