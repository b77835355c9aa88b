"""Which images the finished runs of one source have wrong, and the paired differences between their rows.

n seeds, N images.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from senet_lab.records.image_bits import ImageBits
from senet_lab.records.record import Record
from senet_lab.stats.difference import Difference, difference_of
from senet_lab.study.cell import Cell, Run

Bits = NDArray[np.uint8]


class PairedRuns:
    """The top-1 correctness of finished runs by cell and seed. Runs are paired on the same evaluation images only."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._wrong: dict[str, dict[int, tuple[str, Bits | ImageBits]]] = {}
        for record in records:
            if record.correct_top1 is not None:
                images = record.provenance.data_sha256["test"]
                self._put(record.run, images, record.correct_top1)

    def add(self, run: Run, images: str, wrong_N: Bits) -> None:
        """One more run: 1 where it has an image wrong, else 0. images: names the evaluation images and their order."""
        self._put(run, images, wrong_N)

    def _put(self, run: Run, images: str, found: Bits | ImageBits) -> None:
        self._wrong.setdefault(run.cell.key, {})[run.seed] = images, found

    def seeds(self, cell: Cell) -> tuple[int, ...]:
        """The seeds of a cell that finished."""
        return tuple(sorted(self._wrong.get(cell.key, {})))

    def common_seeds(self, cells: Sequence[Cell]) -> tuple[int, ...]:
        """The seeds that all of these cells have, on the same evaluation images; none where protocols differ."""
        if len({cell.protocol for cell in cells}) != 1:
            return ()
        runs = [self._wrong.get(cell.key, {}) for cell in cells]
        images = {seed: {of_cell[seed][0] for of_cell in runs} for seed in set(runs[0]).intersection(*runs[1:])}
        agreed = {seed: found.pop() for seed, found in sorted(images.items()) if len(found) == 1}
        return tuple(seed for seed, found in agreed.items() if found == next(iter(agreed.values())))

    def wrong(self, cell: Cell, seeds: Sequence[int]) -> Bits:
        """1 where the run of a seed has an image wrong, n x N."""
        return np.stack([_wrong_N(self._wrong[cell.key][seed][1]) for seed in seeds])

    def difference(self, cell: Cell, than: Cell, first: int | None = None) -> Difference | None:
        """The paired difference between two cells of one protocol over their common seeds, or over seeds 0 ..
        ``first`` - 1 where that is given.

        None where there is no common seed, or where one of the first ones is missing.
        """
        seeds = self.common_seeds((cell, than))
        if first is not None:
            if not set(range(first)) <= set(seeds):
                return None
            seeds = tuple(range(first))
        if not seeds:
            return None
        return difference_of(self.wrong(cell, seeds), self.wrong(than, seeds))


def _wrong_N(found: Bits | ImageBits) -> Bits:
    """The bits of a record are unpacked where they are compared, so that many records fit into memory."""
    return (~found.unpack()).astype(np.uint8) if isinstance(found, ImageBits) else found
