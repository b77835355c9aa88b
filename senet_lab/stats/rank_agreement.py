"""The order of a table's rows: Kendall's tau between the published and the measured errors, with an interval.

R replicates of the two-way bootstrap, n seeds, N images, K rows, P pairs of rows. All counts are whole numbers, so
that the same records give the same digits on every machine.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from senet_lab.stats.difference import CONFIDENCE
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.table import Table

REPLICATES = 1000
FEWEST_ROWS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Order:
    """tau-b: 1 for the same order, -1 for the reverse. low, high: the 95 % percentiles of the bootstrap."""

    tau: float
    low: float
    high: float
    rows: int
    seeds: int


def order_of(published_K: Sequence[float], wrong_KnN: Sequence[NDArray[np.uint8]]) -> Order | None:
    """How well the measured order of K rows agrees with the published one; None where all rows of either are equal.

    The bootstrap resamples seeds and images, the same for all rows; with one seed, images alone.
    """
    published = np.asarray(published_K, dtype=np.float64)
    wrong = np.stack(wrong_KnN).astype(np.float64)
    rows, seeds, images = wrong.shape
    tau = tau_b(published, wrong.sum(axis=(1, 2))[None])[0]
    if math.isnan(tau):
        return None
    by_run = _image_weights(images) @ wrong.reshape(rows * seeds, images).T  # R x K n
    weights = _weights(seeds, purpose=1)  # R n
    totals = (by_run.reshape(REPLICATES, rows, seeds) * weights[:, None, :]).sum(axis=2)
    replicates = tau_b(published, totals)
    low, high = np.nanquantile(replicates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return Order(float(tau), float(low), float(high), rows, seeds)


def tau_b(x_K: Floats, y_RK: Floats) -> Floats:
    """Kendall's tau-b between x and each line of y; nan where all of x or of a line are equal."""
    first, second = np.triu_indices(len(x_K), 1)
    x_P, y_RP = np.sign(x_K[first] - x_K[second]), np.sign(y_RK[:, first] - y_RK[:, second])
    norm = np.sqrt((x_P != 0).sum() * (y_RP != 0).sum(axis=1, dtype=np.float64))
    with np.errstate(invalid="ignore"):
        found: Floats = (x_P * y_RP).sum(axis=1) / norm
    return found


@lru_cache(maxsize=2)
def _image_weights(images: int) -> Floats:
    return _weights(images, purpose=0)


def _weights(among: int, purpose: int) -> Floats:
    """How often each of ``among`` is drawn in as many draws, R times, by a fixed stream: reports can be repeated."""
    generator = np.random.default_rng([2018, purpose])
    if among == 1:
        return np.ones((REPLICATES, 1))
    drawn = generator.integers(among, size=(REPLICATES, among))
    offset = drawn + among * np.arange(REPLICATES)[:, None]
    return np.bincount(offset.ravel(), minlength=among * REPLICATES).reshape(REPLICATES, among).astype(np.float64)


def agreement_of(runs: PairedRuns, table: Table, published: Mapping[str, float]) -> Order | None:
    """The order of the rows that are published and measured; None where it cannot be compared: fewer than three,
    several protocols, or no common seed."""
    rows = [row for row in table.rows if row.label in published and runs.seeds(row.cell)]
    seeds = runs.common_seeds([row.cell for row in rows]) if len(rows) >= FEWEST_ROWS else ()
    if not seeds:
        return None
    return order_of([published[row.label] for row in rows], [runs.wrong(row.cell, seeds) for row in rows])
