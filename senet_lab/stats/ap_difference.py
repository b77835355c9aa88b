"""The paired difference in AP between two rows of detectors, from the resamples of photos in their records.

AP is not a mean over photos, so its variance over photos comes from a bootstrap. Resample k has the same photos in
every run, so that differences are paired. The variance over seeds is estimated from the seeds, as for errors:

    D[s] = difference + seed effect[s] + effect of the photos + rest[s]

The rest is the interaction of seed and photos. It is part of the spread over seeds, so it is taken out of the
bootstrap's variance and counts once.

n seeds, R resamples, AP in percent.
"""

import numpy as np
from numpy.typing import NDArray

from senet_lab.records.precision import AveragePrecision
from senet_lab.stats.difference import Difference

Floats = NDArray[np.float64]


def ap_difference(found: list[AveragePrecision], others: list[AveragePrecision]) -> Difference:
    """The AP of one row minus that of another, in points.

    found, others: the detectors of both rows, in the same order of seeds. Raises ValueError where the lists differ in
    length or in the number of photos.
    """
    if len(found) != len(others) or not found or len({one.photos for one in (*found, *others)}) != 1:
        raise ValueError(f"{len(found)} and {len(others)} detectors cannot be paired over seeds and photos")
    values = np.array([one.ap_pct - other.ap_pct for one, other in zip(found, others, strict=True)])
    d_nR = np.stack([one.of_resamples() - other.of_resamples() for one, other in zip(found, others, strict=True)])
    n, value = len(values), float(values.mean())
    of_mean = float(d_nR.mean(axis=0).var(ddof=1))
    if n == 1:
        return Difference(value, 1, found[0].photos, None, of_mean, stepping=False)
    of_single = float(d_nR.var(axis=1, ddof=1).mean())
    rest = max(0.0, of_single - of_mean) * n / (n - 1)
    seed_variance, image_variance = float(values.var(ddof=1)) / n, max(0.0, of_mean - rest / n)
    return Difference(value, n, found[0].photos, seed_variance, image_variance, stepping=False, rest_variance=rest / n)
