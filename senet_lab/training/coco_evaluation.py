"""Average precision (AP) of found boxes. COCO's own code, pycocotools, computes it; this file does so for resamples.

Where faster-coco-eval is installed, it computes the AP instead, also for small, medium and large objects. The resamples
need the matches of every photo, which that code does not hand out. So pycocotools still matches boxes to objects, but
only once for objects of all sizes. The AP of these matches must agree with faster-coco-eval's to 1e-9; otherwise
pycocotools computes everything.

N photos, D boxes of a category, T thresholds of overlap (IoU).
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
from senet_lab.errors import StudyError, to_install
from senet_lab.records.precision import RESAMPLES, AveragePrecision, FoundBoxes, drawn, packed

MOST_BOXES = 100  # boxes of one category in a photo that count, those with the highest scores
TOLERANCE = 1e-9  # how far the APs of the two codes may be apart; an AP is from 0 to 1
SUMMARY = ("ap_pct", "ap50_pct", "ap75_pct", "ap_small_pct", "ap_medium_pct", "ap_large_pct")
Floats = NDArray[np.float64]


def coco_code() -> tuple[ModuleType, ModuleType]:
    """pycocotools' modules ``coco`` and ``cocoeval``. Raises StudyError where pycocotools is not installed."""
    try:
        from pycocotools import coco, cocoeval
    except ImportError:
        raise StudyError(
            f"a detector is evaluated with pycocotools, which is not installed; {to_install('detection')}"
        ) from None
    return coco, cocoeval


def precision_of(
    truth: BoxedPhotos, found: FoundBoxes, between_steps: Callable[[], None] = lambda: None
) -> AveragePrecision:
    """The AP of found boxes in all photos of a split, and in its resamples.

    between_steps: called between the steps of the work; it may raise to end it. Raises StudyError as ``coco_code``.
    """
    summary, matched = summary_and_matches(truth, found)
    between_steps()
    numbers = dict(zip(SUMMARY, summary, strict=True))
    resamples = resampled(matched, len(truth), between_steps)
    return AveragePrecision(
        **{name: None if number < 0 else 100 * number for name, number in numbers.items()},  # type: ignore[arg-type]
        photos=len(truth),
        boxes=len(found),
        resamples=packed(100 * resamples),
    )


def summary_and_matches(truth: BoxedPhotos, found: FoundBoxes) -> "tuple[list[float], list[Matches]]":
    """The numbers of SUMMARY, each from 0 to 1, or -1 where there are no such objects; and the matches."""
    faster = _faster_evaluation(truth, found)
    if faster is not None:
        matched = matches_of(_matched_alone(truth, found), truth.numbers)
        ap = average_precision(matched, np.ones(len(truth), dtype=np.int64))
        if abs(ap - max(0.0, faster[0])) < TOLERANCE:
            return faster, matched
    evaluation = evaluated(truth, found)
    return evaluation.stats[: len(SUMMARY)].tolist(), matches_of(evaluation, truth.numbers)


def evaluated(truth: BoxedPhotos, found: FoundBoxes) -> Any:
    """pycocotools' evaluation of found boxes, with its summary. Raises StudyError as ``coco_code``."""
    return _summarised(_by_pycocotools(truth, found))


def _matched_alone(truth: BoxedPhotos, found: FoundBoxes) -> Any:
    """pycocotools' matches over objects of every size. It leaves out the other ranges of sizes and the AP."""
    evaluation = _by_pycocotools(truth, found)
    evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
    with _quietly():
        evaluation.evaluate()
    return evaluation


def _faster_evaluation(truth: BoxedPhotos, found: FoundBoxes) -> list[float] | None:
    """The numbers of SUMMARY by faster-coco-eval; None where it is not installed."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        return None
    evaluation = COCOeval_faster(*_sides(COCO, truth, found), iouType="bbox", print_function=lambda _: None)
    return [float(number) for number in _summarised(evaluation).stats[: len(SUMMARY)]]


def _by_pycocotools(truth: BoxedPhotos, found: FoundBoxes) -> Any:
    """An evaluation that has computed nothing yet. Raises StudyError as ``coco_code``."""
    coco, cocoeval = coco_code()
    return cocoeval.COCOeval(*_sides(coco.COCO, truth, found), iouType="bbox")


def _summarised(evaluation: Any) -> Any:
    """Runs an evaluation of either package and its summary. Returns the same object."""
    with _quietly():
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _quietly() -> contextlib.AbstractContextManager[object]:
    """A context that hides what is printed in it; both packages print what they do."""
    return contextlib.redirect_stdout(io.StringIO())


def _sides(index: Callable[[], Any], truth: BoxedPhotos, found: FoundBoxes) -> list[Any]:
    """The objects and the found boxes in the form that an evaluation takes. index: makes an empty COCO."""
    objects = [
        {"image_id": photo, "category_id": category, "bbox": box, "iscrowd": crowd, "area": area}
        for photo, category, box, crowd, area in _objects(truth)
    ]
    boxes = [
        {"image_id": p, "category_id": c, "bbox": box, "score": s, "iscrowd": 0, "area": box[2] * box[3]}
        for p, box, s, c in found.lines()
    ]
    with _quietly():
        return [_indexed(index(), truth, lines) for lines in (objects, boxes)]


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
    """The matches of one category, sorted by falling score, with at most MOST_BOXES boxes of each photo.

    photo: D, index of the box's photo. right: T D, whether the box matches an object. counted: T D, False for a box on
    a crowd, which is neither right nor wrong. objects: N, how many objects each photo has.
    """

    photo: NDArray[np.int64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    objects: NDArray[np.int64]


def matches_of(evaluation: Any, numbers: NDArray[np.int64]) -> list[Matches]:
    """The matches of an evaluation with objects of all sizes, by category. Categories without objects are left out.

    numbers: COCO's numbers of the photos, N, in order.
    """
    parameters = evaluation.params
    photos, areas = len(parameters.imgIds), len(parameters.areaRng)
    place = {number: index for index, number in enumerate(numbers.tolist())}
    found = []
    for k in range(len(parameters.catIds)):
        begin = k * areas * photos  # the first range of areas takes objects of all sizes
        of_photos = [one for one in evaluation.evalImgs[begin : begin + photos] if one is not None]
        objects = np.zeros(len(numbers), dtype=np.int64)
        for one in of_photos:
            objects[place[one["image_id"]]] = int((np.asarray(one["gtIgnore"]) == 0).sum())
        if not objects.any():
            continue
        scores = np.concatenate([one["dtScores"][:MOST_BOXES] for one in of_photos])
        order = np.argsort(-scores, kind="mergesort")
        matched = np.concatenate([one["dtMatches"][:, :MOST_BOXES] for one in of_photos], axis=1)[:, order] != 0
        ignored = np.concatenate([one["dtIgnore"][:, :MOST_BOXES] for one in of_photos], axis=1)[:, order] != 0
        where = np.repeat(
            [place[one["image_id"]] for one in of_photos], [len(one["dtScores"][:MOST_BOXES]) for one in of_photos]
        )
        found.append(Matches(where[order].astype(np.int64), matched & ~ignored, ~ignored, objects))
    return found


RECALLS = np.linspace(0.0, 1.0, 101)


def average_precision(matches: list[Matches], times_N: NDArray[np.int64]) -> float:
    """COCO's AP, from 0 to 1, where each photo counts as many times as ``times_N`` says.

    It is the mean over categories, overlaps and 101 recalls of the best precision at this recall or more. Categories
    without objects are left out.
    """
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


def resampled(matches: list[Matches], photos: int, between_steps: Callable[[], None] = lambda: None) -> Floats:
    """The AP of every resample of the ``photos`` photos, from 0 to 1: RESAMPLES values."""
    found = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        found[number] = average_precision(matches, drawn(photos, number))
        between_steps()
    return found
