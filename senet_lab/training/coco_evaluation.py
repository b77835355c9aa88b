"""Average precision of found boxes by COCO's own code (pycocotools), and of resamples of the photos by ours.

N photos, D boxes of a category, T overlaps, M objects.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.data.coco import BoxedPhotos
from senet_lab.errors import StudyError
from senet_lab.records.precision import RESAMPLES, FoundBoxes, Precision, drawn, packed

MOST = 100  # boxes of a photo that count
SUMMARY = ("ap_pct", "ap50_pct", "ap75_pct", "ap_small_pct", "ap_medium_pct", "ap_large_pct")
Floats = NDArray[np.float64]
Look = Callable[[], None]


def coco_code() -> tuple[ModuleType, ModuleType]:
    """pycocotools' data and evaluation. Raises StudyError where it is not installed."""
    try:
        from pycocotools import coco, cocoeval
    except ImportError:
        raise StudyError(
            "a detector is evaluated with pycocotools, which is not installed: pip install 'senet-lab[detection]'"
        ) from None
    return coco, cocoeval


def precision_of(truth: BoxedPhotos, found: FoundBoxes, look: Look = lambda: None) -> Precision:
    """The AP of found boxes in all photos of a split, and of its resamples.

    look: is called between two steps of the work. Raises StudyError as ``coco_code``.
    """
    evaluation = evaluated(truth, found)
    look()
    numbers = dict(zip(SUMMARY, evaluation.stats[: len(SUMMARY)].tolist(), strict=True))
    matched = matches_of(evaluation, truth.numbers)
    resamples = resampled(matched, len(truth), look)
    return Precision(
        **{name: None if number < 0 else 100 * number for name, number in numbers.items()},  # type: ignore[arg-type]
        photos=len(truth),
        boxes=len(found),
        resamples=packed(100 * resamples),
    )


def evaluated(truth: BoxedPhotos, found: FoundBoxes) -> Any:
    """pycocotools' evaluation of found boxes, summarised."""
    coco, cocoeval = coco_code()
    objects = [
        {"image_id": photo, "category_id": category, "bbox": box, "iscrowd": crowd, "area": area}
        for photo, category, box, crowd, area in _objects(truth)
    ]
    boxes = [
        {"image_id": int(p), "category_id": int(c), "bbox": [x, y, w, h], "score": s, "iscrowd": 0, "area": w * h}
        for p, x, y, w, h, s, c in found.columns()
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        sides = [_indexed(coco.COCO(), truth, lines) for lines in (objects, boxes)]
        evaluation = cocoeval.COCOeval(*sides, iouType="bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _objects(truth: BoxedPhotos) -> Iterator[tuple[int, int, list[float], int, float]]:
    categories = np.array([number for number, _ in truth.categories])
    return zip(
        truth.numbers[truth.photo].tolist(),
        categories[truth.labels - 1].tolist(),
        truth.boxes.tolist(),
        truth.crowd.astype(int).tolist(),
        truth.areas.tolist(),
        strict=True,
    )


def _indexed(coco: Any, truth: BoxedPhotos, lines: list[dict[str, Any]]) -> Any:
    coco.dataset = {
        "images": [{"id": number} for number in truth.numbers.tolist()],
        "categories": [{"id": number, "name": name} for number, name in truth.categories],
        "annotations": [line | {"id": place} for place, line in enumerate(lines, start=1)],
    }
    coco.createIndex()
    return coco


@dataclass(frozen=True, slots=True)
class Matches:
    """What was matched of one category, at most MOST boxes a photo, by falling score.

    photo: D, place of the photo. right: T D, whether the box is on an object; counted: T D, whether it is not on a
    crowd. objects: N, how many are to be found in each photo.
    """

    photo: NDArray[np.int64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    objects: NDArray[np.int64]


def matches_of(evaluation: Any, numbers: NDArray[np.int64]) -> list[Matches]:
    """The matches of an evaluation by category, over objects of every size; categories without objects are left out.

    numbers: of the photos, in order.
    """
    parameters = evaluation.params
    photos, areas = len(parameters.imgIds), len(parameters.areaRng)
    place = {number: index for index, number in enumerate(numbers.tolist())}
    found = []
    for k in range(len(parameters.catIds)):
        begin = k * areas * photos  # the first range of areas has every size
        of_photos = [one for one in evaluation.evalImgs[begin : begin + photos] if one is not None]
        objects = np.zeros(len(numbers), dtype=np.int64)
        for one in of_photos:
            objects[place[one["image_id"]]] = int((np.asarray(one["gtIgnore"]) == 0).sum())
        if not objects.any():
            continue
        scores = np.concatenate([one["dtScores"][:MOST] for one in of_photos])
        order = np.argsort(-scores, kind="mergesort")
        matched = np.concatenate([one["dtMatches"][:, :MOST] for one in of_photos], axis=1)[:, order] != 0
        ignored = np.concatenate([one["dtIgnore"][:, :MOST] for one in of_photos], axis=1)[:, order] != 0
        where = np.repeat(
            [place[one["image_id"]] for one in of_photos], [len(one["dtScores"][:MOST]) for one in of_photos]
        )
        found.append(Matches(where[order].astype(np.int64), matched & ~ignored, ~ignored, objects))
    return found


RECALLS = np.linspace(0.0, 1.0, 101)


def average_precision(matches: list[Matches], times_N: NDArray[np.int64]) -> float:
    """AP from 0 to 1 where each photo counts so many times: the mean over categories and overlaps of the precision at
    101 recalls, each the best at this recall or more. Categories without objects are left out."""
    found = [_of_category(one, times_N) for one in matches]
    means = [mean for mean in found if mean is not None]
    return float(np.mean(means)) if means else 0.0


def _of_category(one: Matches, times_N: NDArray[np.int64]) -> float | None:
    objects = int((one.objects * times_N).sum())
    if not objects:
        return None
    times_D = times_N[one.photo]
    seen = times_D > 0
    if not seen.any():
        return 0.0
    times_D = times_D[seen]
    right = np.cumsum(one.right[:, seen] * times_D, axis=1)
    counted = np.cumsum(one.counted[:, seen] * times_D, axis=1)
    precision = right / np.maximum(counted, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / objects
    total = 0.0
    for overlap in range(len(recall)):
        at = np.searchsorted(recall[overlap], RECALLS, side="left")
        total += float(best[overlap, at[at < best.shape[1]]].sum())
    return total / (len(RECALLS) * len(recall))


def resampled(matches: list[Matches], photos: int, look: Look = lambda: None) -> Floats:
    """AP from 0 to 1 of every resample of so many photos."""
    found = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        found[number] = average_precision(matches, drawn(photos, number))
        look()
    return found
