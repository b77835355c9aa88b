"""The verdicts of a table once more, every row at its own best point, on fresh seeds and the protocol's own images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from senet_lab.records.checked_files import csv_text
from senet_lab.records.files import replace_file
from senet_lab.records.store import Store
from senet_lab.report.wording import rule_text
from senet_lab.search.fair import RowTrials, tuned_table
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import Judgement, judge
from senet_lab.study.cell import Run
from senet_lab.study.table import Table


@dataclass(frozen=True, slots=True)
class Retest:
    """What is trained again. fresh: seeds that no trial had."""

    table: Table
    tuned: Table
    fresh: tuple[int, ...]

    def runs(self) -> tuple[Run, ...]:
        """Seed by seed, so that what is paired is done together."""
        return tuple(Run(cell=row.cell, seed=seed) for seed in self.fresh for row in self.tuned.rows)

    def judgement(self, store: Store) -> Judgement:
        """The verdicts from the records; rows without records are not run.

        The rows have protocols of their own, which differ in the point alone; they are paired as rows of the table.
        """
        paired = PairedRuns(())
        for row, tuned in zip(self.table.rows, self.tuned.rows, strict=True):
            for seed in self.fresh:
                record = store.read(Run(cell=tuned.cell, seed=seed))
                if record is not None and record.correct_top1 is not None:
                    wrong_N = (~record.correct_top1.unpack()).astype(np.uint8)
                    paired.add(Run(cell=row.cell, seed=seed), record.provenance.data_sha256["test"], wrong_N)
        return judge(self.table, (), paired, {})


def retest_of(table: Table, found: Sequence[RowTrials], seeds: int, fresh: int) -> Retest:
    """A retest on ``fresh`` seeds after those that the trials had."""
    return Retest(table, tuned_table(table, found), tuple(range(seeds, seeds + fresh)))


def verdict_text(retest: Retest, judgement: Judgement) -> str:
    """One line a row, and how the verdicts were taken."""
    split = retest.table.paper_protocol.evaluation_split
    lines = [f"at each row's own best, {len(retest.fresh)} fresh seeds, {split} images:"]
    for label, result in judgement.rows.items():
        than, found = retest.table.baseline_of(retest.table.row(label)).label, result.difference
        number = "no common seed" if found is None else f"{found.value:+.2f} ± {found.half_width:.2f} points"
        lines.append(f"  {label} against {than}: {number}, lower error: {result.verdict.value}")
    return "\n".join([*lines, rule_text(judgement)])


def write_verdicts(folder: Path, retest: Retest, judgement: Judgement) -> Path:
    """Writes verdicts.csv: row, than, difference and half-width in points, seeds, verdict."""
    lines = [
        {
            "row": label,
            "than": retest.table.baseline_of(retest.table.row(label)).label,
            "difference_points": "" if result.difference is None else f"{result.difference.value:.4f}",
            "half_width_points": "" if result.difference is None else f"{result.difference.half_width:.4f}",
            "fresh_seeds": 0 if result.difference is None else result.difference.seeds,
            "lower_error": result.verdict.value,
        }
        for label, result in judgement.rows.items()
    ]
    path = folder / "verdicts.csv"
    columns = ("row", "than", "difference_points", "half_width_points", "fresh_seeds", "lower_error")
    replace_file(path, csv_text(columns, lines).encode())
    return path
