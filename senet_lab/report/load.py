"""Records as a data frame."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from senet_lab.records.record import Record, Status
from senet_lab.records.store import Store
from senet_lab.stats.families import claimed_cells
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import HELD_OUT, Protocol
from senet_lab.study.small_photos import table_from_small_photos
from senet_lab.study.table import Table

PROJECT = "results"  # the source of the records that a clone comes with, and of what is trained beside them


@dataclass(frozen=True, slots=True)
class Loaded:
    """Records of one source: "results", or the name of another folder that a user trains into."""

    source: str
    store: Store
    records: tuple[Record, ...]
    paired_runs: PairedRuns

    def protocols(self) -> list[Protocol]:
        """The protocols that have records here, each as it was when they were made, by name and key fields."""
        found = {record.run.cell.protocol: None for record in self.records}
        return sorted(found, key=lambda protocol: (protocol.name, protocol.version))

    def frame(self) -> pd.DataFrame:
        """One line a record: key, seed, failed, top1_error_pct, top5_error_pct, best_top1_error_pct, train_seconds."""
        columns = ["key", "seed", "failed", "top1_error_pct", "top5_error_pct", "best_top1_error_pct", "train_seconds"]
        lines = [
            (
                record.run.cell.key,
                record.run.seed,
                record.status is Status.FAILED,
                record.top1_error_pct,
                record.top5_error_pct,
                record.best_top1_error_pct,
                record.provenance.train_seconds,
            )
            for record in self.records
        ]
        return pd.DataFrame(lines, columns=columns)


def load(root: Path, source: str, tables: Sequence[Table] | None = None, claims: Sequence[Claim] = ()) -> Loaded:
    """The records below a results folder, in order: every one, or those that reports on some tables and claims need.

    Raises RecordError for one that cannot be believed.
    """
    store = Store(root)
    if tables is None:
        records = tuple(store.read_all())
    else:
        protocols = store.protocols()
        views = [view for table in tables for view in candidates(table, protocols)]
        cells = {row.cell for view in views for row in view.rows}
        cells |= {cell for view in views for cell in claimed_cells(view, claims)}
        records = tuple(store.read_cells(cells))
    return Loaded(source, store, records, PairedRuns(records))


def load_all(
    roots: Sequence[tuple[Path, str]], tables: Sequence[Table] | None = None, claims: Sequence[Claim] = ()
) -> list[Loaded]:
    """The records of several folders, told apart by their source; folders without records are left out."""
    return [found for found in (load(root, source, tables, claims) for root, source in roots) if found.records]


def candidates(table: Table, protocols: Iterable[Protocol]) -> list[Table]:
    """The table as the paper has it and under every other one of the protocols that it has networks for.

    Rows that differ by their protocol alone would be one row under another; such a table stands under its own only. A
    recipe that is tried on held-out training images is about the recipe, and stands in the table that chooses it only.
    """
    own = {row.cell.protocol for row in table.rows}
    protocols = list(protocols)
    found = [table]
    if len(own) > 1 and any(protocol.small_photos for protocol in protocols):
        with contextlib.suppress(ValueError):  # rows that are not on photos
            found.append(table_from_small_photos(table))
    for protocol in protocols:
        if protocol not in own and protocol.evaluation_split != HELD_OUT:
            with contextlib.suppress(ValueError):  # no companion for that data set
                found.append(table.under(protocol))
    rows = len({row.cell for row in table.rows})
    return [candidate for candidate in found if len({row.cell for row in candidate.rows}) == rows]
