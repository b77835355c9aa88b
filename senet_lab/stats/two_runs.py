"""How far the errors of two runs of one cell and seed may lie apart when they were made on different machines.

Another processor, or another version of a library, rounds the sums of a training step differently. After some steps the
two runs differ as much as two seeds do, or less, since they share initial weights and batches. So the spread from seed
to seed bounds the difference of their errors. Errors are in percent, spreads in points.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senet_lab.records.record import Record
from senet_lab.stats.difference import CONFIDENCE, half_step_variance
from senet_lab.study.protocol import Protocol

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The difference that two runs may have.

    points: the half-width of the 95 % interval of the difference. freedom: the degrees of freedom of the spread over
    seeds; 0 where no cell has two seeds, so that the interval is from the images alone.
    """

    points: float
    freedom: int


def errors_by_cell(records: Iterable[Record], protocol: Protocol) -> list[list[float]]:
    """The top-1 errors (or APs) in percent under a protocol: for each cell a list over its seeds."""
    errors: dict[str, list[float]] = {}
    for record in records:
        if record.first is not None and record.run.cell.protocol == protocol:
            errors.setdefault(record.run.cell.key, []).append(record.first)
    return list(errors.values())


def allowed_by_seeds(errors_by_cell: Iterable[Sequence[float]], images: int | None) -> Allowed | None:
    """The allowed difference, from the spread over seeds of all cells together; None where no cell has two seeds.

    images: how many images each error is measured on, as errors move in steps of one image; None for AP, which has no
    steps.
    """
    several = [errors for errors in errors_by_cell if len(errors) > 1]
    freedom = sum(len(errors) - 1 for errors in several)
    if not freedom:
        return None
    squares = sum(math.fsum((error - math.fsum(e) / len(e)) ** 2 for error in e) for e in several)
    variance = squares / freedom + half_step_variance(images)
    return Allowed(float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(2 * variance), freedom)


def allowed_by_images(disagreeing: int, images: int) -> Allowed:
    """The allowed difference, from the number of images on which only one of the runs is right (McNemar).

    It does not cover the spread over seeds, so it is narrower than real differences between runs.
    """
    return Allowed(100 * float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(disagreeing) / images, 0)


def allowed_by_resamples(first_R: Floats, second_R: Floats) -> Allowed:
    """The allowed difference of detectors, from resamples of the photos alone.

    first_R, second_R: the AP in percent of each run on R resamples; resample k has the same photos in both.
    """
    spread = float(np.std(second_R - first_R, ddof=1))
    return Allowed(float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * spread, 0)
