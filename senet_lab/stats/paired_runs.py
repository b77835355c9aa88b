"""The results of finished runs image by image, and the paired differences between rows.

A classifier has one bit for each image: right or wrong. A detector has its AP and the AP of resamples of the photos.

n seeds, N images.
"""

from collections.abc import Iterable, Sequence
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from senet_lab.records.image_bits import ImageBits
from senet_lab.records.precision import AveragePrecision
from senet_lab.records.record import Record
from senet_lab.stats.ap_difference import ap_difference
from senet_lab.stats.difference import Difference, difference_of, with_seed_noise
from senet_lab.stats.seed_noise import FEWEST_ROWS, POOLED_SEEDS, seed_noise
from senet_lab.study.cell import Cell, Run

Bits = NDArray[np.uint8]
Floats = NDArray[np.float64]
Seeds = tuple[int, ...]
Seen = Bits | ImageBits | AveragePrecision


class PairedRuns:
    """The top-1 misses (or APs) of finished runs, by cell and seed, and the runs that failed.

    Only runs on the same evaluation images are paired.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._wrong: dict[str, dict[int, tuple[str, Seen]]] = {}
        self._failed: set[tuple[str, int]] = set()
        self._keys: dict[int, tuple[Cell, str]] = {}  # by the cell object's id, since computing a key is slow
        # Caches, which are cleared when a run is added:
        self._common: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._differences: dict[tuple[tuple[str, ...], Seeds], Difference] = {}
        self._noises: dict[tuple[tuple[str, ...], Seeds], tuple[dict[str, float], int]] = {}
        for record in records:
            seen = record.precision or record.correct_top1
            if seen is None:
                self.add_failed(record.run)
            else:
                self._put(record.run, record.provenance.data_sha256["test"], seen)

    def add(self, run: Run, images: str, wrong_N: Bits) -> None:
        """Adds a run. wrong_N: 1 where it has an image wrong, else 0. images: a name of the images and their order."""
        self._put(run, images, wrong_N)

    def _put(self, run: Run, images: str, found: Seen) -> None:
        self._wrong.setdefault(run.cell.key, {})[run.seed] = images, found
        for cache in (self._common, self._differences, self._noises):
            cache.clear()

    def add_failed(self, run: Run) -> None:
        """Adds a run that failed and has no result."""
        self._failed.add((run.cell.key, run.seed))

    def seeds(self, cell: Cell) -> tuple[int, ...]:
        """The finished seeds of a cell."""
        return tuple(sorted(self._wrong.get(cell.key, {})))

    def was_run(self, cell: Cell) -> bool:
        """Whether any run of a cell is recorded, finished or failed."""
        return cell.key in self._wrong or any(key == cell.key for key, _ in self._failed)

    def failed(self, cells: Iterable[Cell], seed: int) -> bool:
        """Whether a run of this seed failed in any of these cells."""
        return any((cell.key, seed) in self._failed for cell in cells)

    def common_seeds(self, cells: Sequence[Cell]) -> tuple[int, ...]:
        """The seeds that finished in all of these cells on the same evaluation images; none where protocols differ.

        Where some seeds were evaluated on other images than the rest, these are the seeds of the larger group.
        """
        keys = tuple(self._key(cell) for cell in cells)
        if keys not in self._common:
            self._common[keys] = self._common_seeds(cells)
        return self._common[keys]

    def _key(self, cell: Cell) -> str:
        known = self._keys.get(id(cell))
        if known is None:
            known = self._keys[id(cell)] = cell, cell.key
        return known[1]

    def _common_seeds(self, cells: Sequence[Cell]) -> tuple[int, ...]:
        if len({cell.protocol for cell in cells}) != 1:
            return ()
        runs = [self._wrong.get(cell.key, {}) for cell in cells]
        images = {seed: {of_cell[seed][0] for of_cell in runs} for seed in set(runs[0]).intersection(*runs[1:])}
        by_images: dict[str, list[int]] = {}
        for seed, found in sorted(images.items()):
            if len(found) == 1:
                by_images.setdefault(found.pop(), []).append(seed)
        groups = sorted(by_images.values(), key=len, reverse=True)  # of equal groups, that of the lowest seed first
        return tuple(groups[0]) if groups else ()

    def seeds_of_look(self, cells: Sequence[Cell], first: int, seeds: int) -> tuple[int, ...] | None:
        """The first ``seeds`` seeds, counted from ``first``, that finished in all of these cells.

        A seed that failed in one of the cells is skipped, and the next one takes its place. None where one of the seeds
        is not recorded yet: with other seeds in its place, the results could influence which seeds are tested.
        """
        common, found = set(self.common_seeds(cells)), list[int]()
        for seed in count(first):
            if len(found) == seeds:
                break
            if self.failed(cells, seed):
                continue
            if seed not in common:
                return None
            found.append(seed)
        return tuple(found)

    def wanted_seeds(self, cells: Sequence[Cell], first: int, last: int, seeds: int) -> Seeds:
        """The first ``seeds`` seeds from ``first`` to ``last`` that failed in none of these cells, recorded or not.

        Fewer, where these run out.
        """
        return tuple(islice((seed for seed in range(first, last + 1) if not self.failed(cells, seed)), seeds))

    def finished(self, cells: Iterable[Cell], seeds: Iterable[int]) -> bool:
        """Whether each of these cells has a finished run of each of these seeds."""
        return all(seed in self._wrong.get(self._key(cell), {}) for cell in cells for seed in seeds)

    def wrong(self, cell: Cell, seeds: Sequence[int]) -> Bits:
        """n x N: 1 where the run of a seed has an image wrong, else 0. Raises ValueError for a detector."""
        return np.stack([_wrong_N(self._wrong[cell.key][seed][1]) for seed in seeds])

    def errors(self, cells: Sequence[Cell], seeds: Sequence[int]) -> Floats:
        """The top-1 errors (or APs) in percent: a row for each cell, a column for each seed."""
        return np.array([[_percent(self._wrong[c.key][seed][1]) for seed in seeds] for c in cells])

    def _difference(self, cells: Sequence[Cell], seeds: Seeds) -> Difference:
        """The first cell minus the second; of four cells, that minus (the third minus the fourth)."""
        found = [[self._wrong[self._key(one)][seed][1] for seed in seeds] for one in cells]
        detectors = [[one for one in of_cell if isinstance(one, AveragePrecision)] for of_cell in found]
        if any(detectors):
            return ap_difference(*detectors)
        wrong, than, *less = (self.wrong(cell, seeds) for cell in cells)
        return difference_of(wrong + less[1], than + less[0]) if less else difference_of(wrong, than)

    def widest_block(self, cells: Iterable[Cell]) -> tuple[tuple[Cell, ...], tuple[int, ...]]:
        """The cells and seeds from which the spread over seeds is estimated best.

        Each of the K chosen cells has each of the n chosen seeds, and the degrees of freedom (K-1)(n-1) are as many as
        possible; all were evaluated on the same images. Both are empty where no cell has a finished run.
        """
        unique = tuple({cell.key: cell for cell in cells}.values())
        blocks = [
            (tuple(c for c in unique if set(seeds) <= set(self.common_seeds((cell, c)))), seeds)
            for cell in unique
            for seeds in sorted({self.common_seeds((cell, other)) for other in unique} - {()})
        ]
        return max(blocks, key=lambda block: ((len(block[0]) - 1) * (len(block[1]) - 1), block[1]), default=((), ()))

    def difference(
        self,
        cell: Cell,
        than: Cell,
        pool: Sequence[Cell] = (),
        seeds: Sequence[int] | None = None,
        less: tuple[Cell, Cell] | None = None,
    ) -> Difference | None:
        """The paired difference between two cells of one protocol: ``cell`` minus ``than``, in points.

        seeds: the seeds to compare; None for all that both cells share. pool: the rows of their table. With two to four
        seeds, the spread over seeds is estimated from all rows of the pool that have these seeds. less: two cells whose
        difference is subtracted, if any. None where the cells share no seed, or lack one of ``seeds``.
        """
        cells = (cell, than, *(less or ()))
        common = self.common_seeds(cells)
        seeds = common if seeds is None else tuple(seeds)
        if not seeds or not set(seeds) <= set(common):
            return None
        keys = tuple(self._key(one) for one in cells)
        if (keys, seeds) not in self._differences:
            self._differences[keys, seeds] = self._difference(cells, seeds)
        found = self._differences[keys, seeds]
        if len(seeds) not in POOLED_SEEDS:
            return found
        rows = {self._key(c): c for c in (*cells, *pool) if set(seeds) <= set(self.common_seeds((cell, c)))}
        if len(rows) < FEWEST_ROWS:
            return found
        variances, freedom = self._noise(rows, seeds)
        return with_seed_noise(found, [variances[key] for key in keys], freedom)

    def _noise(self, rows: dict[str, Cell], seeds: Seeds) -> tuple[dict[str, float], int]:
        """The variance over seeds that is used for each of these rows, by key, and its degrees of freedom."""
        names = tuple(sorted(rows))
        if (names, seeds) not in self._noises:
            noise = seed_noise(self.errors([rows[name] for name in names], seeds))
            self._noises[names, seeds] = dict(zip(names, noise.of_rows.tolist(), strict=True)), noise.freedom
        return self._noises[names, seeds]


def _percent(found: Seen) -> float:
    return found.ap_pct if isinstance(found, AveragePrecision) else 100.0 * float(_wrong_N(found).mean())


def _wrong_N(found: Seen) -> Bits:
    """N: 1 where an image is wrong. Bits stay packed until they are compared, so that many records fit into memory."""
    if isinstance(found, AveragePrecision):
        raise ValueError("a detector has no image right or wrong")
    return (~found.unpack()).astype(np.uint8) if isinstance(found, ImageBits) else found
