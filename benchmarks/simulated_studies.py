"""Simulated studies with a known truth. A model draws which images each run has wrong.

The model has hard and easy images, rows that disagree on some images, seeds that shift the error of a whole run,
batches of a seed that all rows share, and independent noise for each run and image. The true error of each row is
known.

K rows, n seeds, N images, C classes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ablations.protocols import CIFAR10
from senet_lab.stats.families import Family, family_of
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study import Cell, Row, Run, SESpec, Table
from senet_lab.study.claim import Claim, ComparedPart, Equivalent, Lower, NotWorse

Bits = NDArray[np.uint8]
Floats = NDArray[np.float64]
CLASSES = 10
DEGREES = 3  # degrees of freedom of the heavy-tailed noise
BAD_SHARE, BAD_POINTS = 0.1, 10.0  # the share of bad seeds in one row, and how many points worse they are


class Noise(StrEnum):
    """How seeds shift the errors of runs."""

    NORMAL = "normal"
    HEAVY = "heavy-tailed"  # Student's t with three degrees of freedom
    SKEWED = "skewed"  # exponential, less its mean
    BY_CLASS = "class-dependent"  # another shift for each class of images
    WIDE_ROW = "one row threefold"  # the last row scatters three times as much
    WIDE_BASELINE = "baseline threefold"
    BAD_SEEDS = "bad seeds in one row"  # one in ten seeds of the last row is ten points worse than the others


@dataclass(frozen=True, slots=True)
class World:
    """The model that studies are drawn from.

    error_pct: the baseline's error. seed_points: the standard deviation of a run's error over seeds in points, without
    the noise of single images. easy, disagreement, batches: standard deviations, in units of the noise of one image in
    one run: of the images' difficulty, of the difference between rows on an image, and of a seed's effect on an image
    in all rows.
    """

    name: str
    error_pct: float
    seed_points: float
    noise: Noise = Noise.NORMAL
    easy: float = 2.0
    disagreement: float = 0.35
    batches: float = 0.3
    images: int = 2_500

    @property
    def scale(self) -> float:
        """The standard deviation of the sum of all effects on single images."""
        return math.sqrt(1 + self.easy**2 + self.disagreement**2 + self.batches**2)

    def wrong(self, errors_pct: Sequence[float], seeds: int, random: np.random.Generator) -> Bits:
        """K x n x N: which images are wrong (1), for rows with these true errors."""
        rows, images = len(errors_pct), self.images
        points_KnC = np.array(errors_pct)[:, None, None] + self.shifts((rows, seeds), random)
        means_KnC = (ndtri(np.clip(points_KnC / 100, 1e-6, 1 - 1e-6)) * self.scale).astype(np.float32)
        latent = random.standard_normal((rows, seeds, images), dtype=np.float32)
        by_row_KN = self.disagreement * random.standard_normal((rows, images), dtype=np.float32)
        by_row_KN += self.easy * random.standard_normal(images, dtype=np.float32)
        latent += by_row_KN[:, None, :]
        latent += self.batches * random.standard_normal((seeds, images), dtype=np.float32)
        of_class = latent.reshape(rows, seeds, means_KnC.shape[2], -1)
        return (of_class > -means_KnC[..., None]).reshape(latent.shape).astype(np.uint8)

    def shifts(self, shape: tuple[int, int], random: np.random.Generator) -> Floats:
        """K x n x 1, or K x n x C for class-dependent noise: the shifts of the errors in points, with mean zero."""
        drawn = random.standard_normal((*shape, CLASSES if self.noise is Noise.BY_CLASS else 1))
        if self.noise is Noise.BY_CLASS:
            drawn *= math.sqrt(CLASSES)  # so that the mean over classes has the same spread
        if self.noise is Noise.HEAVY:
            drawn = random.standard_t(DEGREES, size=drawn.shape) / math.sqrt(DEGREES / (DEGREES - 2))
        if self.noise is Noise.SKEWED:
            drawn = random.exponential(size=drawn.shape) - 1
        if self.noise is Noise.WIDE_ROW:
            drawn[-1] *= 3
        if self.noise is Noise.WIDE_BASELINE:
            drawn[0] *= 3
        found: Floats = self.seed_points * drawn
        if self.noise is Noise.BAD_SEEDS:
            found[-1] += BAD_POINTS * ((random.random(found[-1].shape) < BAD_SHARE) - BAD_SHARE)
        return found


# The spreads resemble cifar10-quick (31 % error after two epochs) and networks trained to the end: two runs disagree on
# about 14 % and 5 % of the images. Only a quarter of CIFAR-10's number of test images is drawn, and all points are
# doubled; this is the same study in a quarter of the time.
SHORT = World("short training, 31 % error", 31.0, seed_points=0.44, easy=3.0)
FULL = World("full training, 6 % error", 6.0, seed_points=0.32)
STRONG = World("full training, strong seeds", 6.0, seed_points=0.84)
WORLDS = (SHORT, FULL, STRONG)
NOISES = tuple(replace(STRONG, name=f"strong seeds, {noise}", noise=noise) for noise in Noise if noise != Noise.NORMAL)


def table_of(rows: int) -> Table:
    """A table of ``rows`` rows under one protocol. The first row is the baseline."""
    cell = Cell(backbone="cifar_resnet29_bottleneck", se=None, protocol=CIFAR10)
    cells = [cell, *(replace(cell, se=SESpec(reduction=2**i)) for i in range(rows - 1))]
    labelled = tuple(Row(f"row {i}", one) for i, one in enumerate(cells))
    return Table(
        edition="simulated",
        number="1",
        topic="simulated",
        caption="simulated rows",
        baseline="row 0",
        rows=labelled,
        companions={},
    )


def paired_runs_of(table: Table, wrong: Bits) -> PairedRuns:
    """The runs in the form that reports use. wrong: K x n x N."""
    study = PairedRuns(())
    for row, of_row in zip(table.rows, wrong, strict=True):
        for seed, of_run in enumerate(of_row):
            study.add(Run(cell=row.cell, seed=seed), "simulated", of_run)
    return study


def studies(world: World, errors: Sequence[float], seeds: int, count: int, stream: int) -> Iterator[PairedRuns]:
    """``count`` studies of a table whose rows have these true errors in percent. stream: selects the random stream."""
    table, random = table_of(len(errors)), np.random.default_rng([20, stream, seeds])
    for _ in range(count):
        yield paired_runs_of(table, world.wrong(errors, seeds, random))


@dataclass(frozen=True, slots=True)
class Truth:
    """A table whose rows lie ``shifts`` points above its baseline, with the parts of a claim about it."""

    name: str
    shifts: tuple[float, ...]
    parts: tuple[ComparedPart, ...]


def _against_baseline(kind: type[Equivalent] | type[NotWorse], margin: float) -> tuple[ComparedPart, ...]:
    return tuple(kind(f"row {i}", "row 0", margin) for i in range(1, 5))


EQUAL = Truth(
    "all rows equal", (0.0,) * 4, tuple(Lower(f"row {i}", f"row {j}") for i in range(1, 5) for j in range(1, i))
)
WITHIN = Truth("just within the margin, 0.6", (0.5999,) * 4, _against_baseline(Equivalent, 0.6))
NINE_EQUAL = Truth("all of nine rows equal", (0.0,) * 8, (Lower("row 1", "row 2"),))
SETTLED_EARLY = Truth("two large effects among nulls", (-4.0, 6.0, 0.0, 0.0), (Lower("row 3", "row 4"),))
TRUTHS = (
    EQUAL,
    Truth("at the margin, 0.6", (0.6,) * 4, _against_baseline(Equivalent, 0.6)),
    WITHIN,
    Truth("just within a small margin, 0.06", (0.05999,) * 4, _against_baseline(Equivalent, 0.06)),
    Truth("equal, with a tiny margin, 0.02", (0.0,) * 4, _against_baseline(Equivalent, 0.02)),
    Truth("no worse, at the margin, 0.6", (0.6,) * 4, _against_baseline(NotWorse, 0.6)),
    Truth("one true effect among nulls", (-2.0, 0.0, 0.0, 0.0), (Lower("row 2", "row 3"), Lower("row 4", "row 3"))),
)


def family_and_truth(world: World, truth: Truth) -> tuple[Family, dict[str, float], list[float]]:
    """The comparisons of a table with this claim, their true differences by name, and the rows' true errors."""
    errors = [world.error_pct, *(world.error_pct + shift for shift in truth.shifts)]
    table = table_of(len(errors))
    claim = Claim(name="simulated", table=table, statement="simulated", source="", parts=truth.parts)
    family = family_of(table, [claim])
    by_key = {row.cell.key: error for row, error in zip(table.rows, errors, strict=True)}
    true = {n: by_key[one.cell.key] - by_key[one.than.key] for n, one in family.comparisons.items()}
    return family, true, errors


def plain_half_width(wrong: Bits, other_wrong: Bits) -> float:
    """The half-width of the plain two-way bootstrap: 1.96 standard deviations of its replicates, in closed form."""
    d = wrong.view(np.int8) - other_wrong.view(np.int8)
    n, images = d.shape
    by_seed, by_image = 100.0 * d.mean(axis=1), 100.0 * d.mean(axis=0)
    squares = 100.0**2 * float((d * d).sum(dtype=np.float64)) - n * images * float(by_seed.mean()) ** 2
    rest = squares - images * n * by_seed.var() - n * images * by_image.var()
    variance = by_seed.var() / n + by_image.var() / images + rest / (n * images) ** 2
    return 1.96 * math.sqrt(variance)
