"""The average precision (AP) of a detector, which is in its record, and the boxes it found, which are in a file.

A record also holds the AP of resamples of the photos, so that an interval for the difference of two runs needs no
boxes. Resample k draws the same photos in every run on the same photos.

R resamples, D found boxes.
"""

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import INVALID_ARRAYS, StudyError

RESAMPLES = 1_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """AP in percent over all photos of an evaluation, as COCO's own code computes it.

    ap_pct: the mean over ten overlaps. ap50_pct, ap75_pct: at an overlap of 0.5 and of 0.75. ap_small_pct,
    ap_medium_pct, ap_large_pct: for objects of this size; None where there are none. photos: how many were evaluated.
    boxes: how many boxes were found. resamples: ap_pct for each of RESAMPLES resamples of the photos, as text
    (``packed``). Raises ValueError for values out of range.
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
        """R: the AP of each resample, in percent."""
        return np.frombuffer(base64.b64decode(self.resamples), dtype="<f4").astype(np.float64)


def packed(resamples_R: Floats) -> str:
    """The text for a record. resamples_R: the AP of each resample, in percent."""
    return base64.b64encode(resamples_R.astype("<f4").tobytes()).decode()


def drawn(photos: int, resample: int) -> NDArray[np.int64]:
    """How often each photo is in a resample. It depends on the number of photos and of the resample only."""
    random = np.random.default_rng([2014, photos, resample])
    return np.bincount(random.integers(photos, size=photos), minlength=photos)


@dataclass(frozen=True, eq=False, slots=True)
class FoundBoxes:
    """The D boxes that a detector found.

    photo: D, the photo's number. category: D, the category's number. box: fp32, D x 4, left, top, width and height in
    pixels. score: fp32, D, from 0 to 1.
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

    def lines(self) -> Iterator[tuple[int, list[float], float, int]]:
        """Photo, box, score and category of each box. Whole numbers stay exact, however large they are."""
        return zip(self.photo.tolist(), self.box.tolist(), self.score.tolist(), self.category.tolist(), strict=True)


def boxes_from_bytes(data: bytes, path: object) -> FoundBoxes:
    """The boxes in the content of a file that ``to_bytes`` made. Raises StudyError with the path for anything else."""
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
    except INVALID_ARRAYS as error:
        raise StudyError(
            f"{path} is no file of found boxes ({error}); delete it: the record does not need it"
        ) from None
    return FoundBoxes(**arrays)
