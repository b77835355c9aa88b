"""The mean error of a row over its seeds, with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from senet_lab.stats.difference import CONFIDENCE, half_step_variance


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over n seeds with the half-width of its 95 % interval (Student's t); None where n is 1.

    The interval is for further seeds on the same images. It does not cover the choice of images.
    """

    value: float
    half_width: float | None
    n: int


def mean_of(errors_pct: Sequence[float], images: int | None) -> Mean | None:
    """The mean over seeds of the errors in percent; None for no seeds.

    images: how many images each error is measured on; None for APs. An error moves in steps of one image, so equal
    errors do not prove that seeds have no spread. Therefore the variance of half a step is added.
    """
    n = len(errors_pct)
    if n == 0:
        return None
    centre = math.fsum(errors_pct) / n
    if n == 1:
        return Mean(centre, None, 1)
    variance = math.fsum((error - centre) ** 2 for error in errors_pct) / (n - 1) + half_step_variance(images)
    return Mean(centre, float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * math.sqrt(variance / n), n)
