"""The verdicts of a table with every row at its own best point, on fresh seeds and the protocol's evaluation images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from senet_lab.records.checked_files import csv_text
from senet_lab.records.files import replace_file
from senet_lab.records.store import Store
from senet_lab.report.wording import rule_text, sentence
from senet_lab.search.fair import RowTrials, tuned_table
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import Judgement, judge
from senet_lab.study.cell import Run
from senet_lab.study.table import Table


@dataclass(frozen=True, slots=True)
class Retest:
    """A table and its tuned form, to be trained on fresh seeds. fresh: seeds that no trial of the search used."""

    table: Table
    tuned: Table
    fresh: tuple[int, ...]

    def runs(self) -> tuple[Run, ...]:
        """The runs of the tuned table, seed by seed, so that runs to be paired are trained together."""
        return tuple(Run(cell=row.cell, seed=seed) for seed in self.fresh for row in self.tuned.rows)

    def judgement(self, store: Store) -> Judgement:
        """The verdicts from the records; rows without records have the verdict "not run".

        Each row has a protocol of its own, which differs only in the point. Runs are paired as if they were of the
        original table.
        """
        paired = PairedRuns(())
        for row, tuned in zip(self.table.rows, self.tuned.rows, strict=True):
            for seed in self.fresh:
                record = store.read(Run(cell=tuned.cell, seed=seed))
                run = Run(cell=row.cell, seed=seed)
                if record is not None and record.correct_top1 is None:
                    paired.add_failed(run)
                elif record is not None and record.correct_top1 is not None:
                    wrong_N = (~record.correct_top1.unpack()).astype(np.uint8)
                    paired.add(run, record.provenance.data_sha256["test"], wrong_N)
        return judge(self.table, (), paired, {})


def retest_of(table: Table, found: Sequence[RowTrials], seeds: int, fresh: int) -> Retest:
    """A retest on ``fresh`` further seeds. found: the trials of each row. seeds: how many seeds the trials used."""
    return Retest(table, tuned_table(table, found), tuple(range(seeds, seeds + fresh)))


def verdict_text(retest: Retest, judgement: Judgement) -> str:
    """A line for each row with its difference and verdict, and the rule of the verdicts."""
    split = retest.table.paper_protocol.evaluation_split
    lines = [f"at each row's own best, {len(retest.fresh)} fresh seeds, {split} images:"]
    for label, result in judgement.rows.items():
        than, found = retest.table.baseline_of(retest.table.row(label)).label, result.difference
        number = "no common seed" if found is None else f"{found.value:+.2f} ± {found.half_width:.2f} points"
        lines.append(f"  {label} against {than}: {number}, lower error: {result.verdict.value}")
    return "\n".join([*lines, sentence(rule_text(judgement))])


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
