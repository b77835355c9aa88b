"""The verdicts of a table with every row at its own best point, on fresh seeds and the protocol's evaluation images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from senet_lab.records.checked_files import csv_text
from senet_lab.records.files import replace_file
from senet_lab.records.store import Store
from senet_lab.report.made_by import made_by, trained_by
from senet_lab.report.p_values import p_number, p_text
from senet_lab.report.wording import rule_text, sentence
from senet_lab.search.fair import RowTrials, tuned_table
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import Judgement, PartResult, judge
from senet_lab.study.cell import Run
from senet_lab.study.table import Table

COLUMNS = (
    "row", "than", "difference_points", "half_width_points", "interval_over", "fresh_seeds", "adjusted_p",
    "lower_error", "protocol", "than_protocol", "dataset", "split", "images", "selection", "device", "revision",
)  # fmt: skip


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
        p = "" if result.adjusted_p is None else f" (adjusted p {p_text(result.adjusted_p)})"
        lines.append(f"  {label} against {than}: {number}, lower error: {result.verdict.value}{p}")
    return "\n".join([*lines, sentence(rule_text(judgement))])


def write_verdicts(folder: Path, retest: Retest, judgement: Judgement, store: Store) -> Path:
    """Writes verdicts.csv: a line for each compared row, with its difference in points and what that is between.

    Each row has its own best point, so a difference is between two recipes. store: the records of the retest.
    """
    path = folder / "verdicts.csv"
    lines = [_line(retest, label, result, store) for label, result in judgement.rows.items()]
    replace_file(path, csv_text(COLUMNS, lines).encode())
    return path


def _line(retest: Retest, label: str, result: PartResult, store: Store) -> dict[str, object]:
    than, found, p = retest.table.baseline_of(retest.table.row(label)).label, result.difference, result.adjusted_p
    cell, other = (retest.tuned.row(name).cell for name in (label, than))
    seeds = sorted({run.seed for run in result.runs})
    records = [store.read(Run(cell=one, seed=seed)) for one in (cell, other) for seed in seeds]
    return {
        "row": label,
        "than": than,
        "difference_points": "" if found is None else f"{found.value:.4f}",
        "half_width_points": "" if found is None else f"{found.half_width:.4f}",
        "interval_over": "" if found is None else found.interval_over,
        "fresh_seeds": 0 if found is None else found.seeds,
        "adjusted_p": "" if p is None else p_number(p),
        "lower_error": result.verdict.value,
        **trained_by(cell.protocol),
        "than_protocol": trained_by(other.protocol)["protocol"],
        "images": cell.protocol.test_images,
        **made_by([record for record in records if record is not None]),
    }
