"""Statistics of counts of errors: intervals, comparisons of two networks image by image, printed percentages."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import stats

NEAR = Fraction(1, 500)  # decoders and arithmetic change one network's errors by at most this share of the images


def wilson(errors: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of an error rate, in percent. Raises ValueError for no images or more errors than images."""
    if not 0 <= errors <= images or images == 0:
        raise ValueError(f"{errors} errors of {images} images")
    z = float(stats.norm.isf((1 - confidence) / 2))
    share, weight = errors / images, z * z / images
    centre = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / images + weight / (4 * images)) / (1 + weight)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two networks on the same images.

    only_first, only_second: the number of images that only this network has wrong. p_value: the two-sided exact McNemar
    test, which is the probability of a split at least as uneven by chance alone.
    """

    images: int
    only_first: int
    only_second: int
    p_value: float

    @property
    def difference(self) -> float:
        """The error of the first network minus that of the second, in points."""
        return 100 * (self.only_first - self.only_second) / self.images


def mcnemar(right_N: NDArray[np.bool_], other_N: NDArray[np.bool_]) -> Pair:
    """Compares two networks image by image. right_N, other_N: whether each image is right.

    Raises ValueError where the arrays differ in length.
    """
    if right_N.shape != other_N.shape or right_N.ndim != 1:
        raise ValueError(f"{right_N.shape} and {other_N.shape} images cannot be compared one by one")
    first, second = int((~right_N & other_N).sum()), int((right_N & ~other_N).sum())
    p = float(stats.binomtest(min(first, second), first + second, 0.5).pvalue) if first + second else 1.0
    return Pair(len(right_N), first, second, p)


def printed_counts(printed: str, images: int) -> range:
    """The numbers of errors whose percentage rounds to the printed one: "22.37" of 50,000 images is 11,183 to 11,187.

    Both ends count, since papers round halves up or down.
    """
    digits = len(printed.partition(".")[2])
    value, half = Fraction(printed), Fraction(1, 2 * 10**digits)
    low, high = (value - half) * images / 100, (value + half) * images / 100
    return range(max(0, math.ceil(low)), min(images, math.floor(high)) + 1)


def agreement(errors: int, printed: str, images: int) -> str:
    """How a number of errors agrees with the printed percentage, in words.

    The answers are "equal", "k images away", and "another view or other weights".
    """
    counts = printed_counts(printed, images)
    if errors in counts:
        return "equal"
    away = min(abs(errors - counts.start), abs(errors - counts.stop + 1))
    if away > NEAR * images:
        return "another view or other weights"
    return f"{away:,} image{'s' * (away != 1)} away"
