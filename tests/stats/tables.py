"""Tables of several rows, and runs with the errors that one asks for."""

from dataclasses import replace

import numpy as np

from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study import Row, Run, SESpec
from tests.samples import PLAIN, SE, TABLE

FIVE = replace(
    TABLE,
    rows=(*TABLE.rows, *(Row(f"r={r}", replace(SE, se=SESpec(reduction=r))) for r in (2, 4, 8))),
)
assert FIVE.rows[0].cell == PLAIN


def paired_runs_of(table, errors_pct, seeds, images=2_000, spread=0.3, seed=0):
    """Runs of the first rows of a table with these errors, which scatter by ``spread`` points over seeds."""
    random, found = np.random.default_rng(seed), PairedRuns(())
    common = random.random(images)
    for row, error in zip(table.rows, errors_pct, strict=False):
        for run in range(seeds):
            own = np.where(random.random(images) < 0.9, common, random.random(images))
            wrong = own < (error + spread * random.standard_normal()) / 100
            found.add(Run(cell=row.cell, seed=run), "images", wrong.astype(np.uint8))
    return found
