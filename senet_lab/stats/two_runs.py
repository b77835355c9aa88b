"""How far apart two runs of one cell may end that do not share their last bits.

On another processor or with another version of a library the sums of a training step are rounded otherwise, and after
some steps the two runs differ as two seeds do, or less: they still share first weights and batches. So the spread from
seed to seed tells how far their errors may lie apart. Errors in percent, spreads in points.
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
    """The half-width of the interval in which the difference of two runs lies, with a confidence of 95 %.

    freedom: degrees of freedom of the spread over seeds that it is told from; 0 where no cell has two seeds, and it is
    told from the images alone.
    """

    points: float
    freedom: int


def errors_by_cell(records: Iterable[Record], protocol: Protocol) -> list[list[float]]:
    """The top-1 errors, or AP, in percent of all seeds of each cell under a protocol."""
    errors: dict[str, list[float]] = {}
    for record in records:
        if record.first is not None and record.run.cell.protocol == protocol:
            errors.setdefault(record.run.cell.key, []).append(record.first)
    return list(errors.values())


def allowed_by_seeds(errors_by_cell: Iterable[Sequence[float]], images: int | None) -> Allowed | None:
    """From the errors of several seeds of each cell, which count together; None where no cell has two.

    images: an error moves in steps of one of so many; None for AP, which has no steps.
    """
    several = [errors for errors in errors_by_cell if len(errors) > 1]
    freedom = sum(len(errors) - 1 for errors in several)
    if not freedom:
        return None
    squares = sum(math.fsum((error - math.fsum(e) / len(e)) ** 2 for error in e) for e in several)
    variance = squares / freedom + (0.0 if images is None else half_step_variance(images))
    return Allowed(float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(2 * variance), freedom)


def allowed_by_images(disagreeing: int, images: int) -> Allowed:
    """From the images alone on which one of the runs is right and the other wrong (McNemar): as if none of them were
    easier for either. It knows nothing of seeds, so it is narrower than what runs really do."""
    return Allowed(100 * float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(disagreeing) / images, 0)


def allowed_by_resamples(first_R: Floats, second_R: Floats) -> Allowed:
    """Of detectors, from resamples of the photos alone: R values of AP for each run, of the same photos."""
    spread = float(np.std(second_R - first_R, ddof=1))
    return Allowed(float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * spread, 0)
