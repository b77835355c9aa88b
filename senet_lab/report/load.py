"""Loads the records of results folders for reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from senet_lab.records.record import Record, Status
from senet_lab.records.store import Store
from senet_lab.stats.families import cells_of_claims
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.claim import Claim
from senet_lab.study.companions import candidates
from senet_lab.study.protocol import Protocol
from senet_lab.study.table import Table

PROJECT = "results"  # the name of the source that holds the records of a clone and those trained beside them


@dataclass(frozen=True, slots=True)
class Loaded:
    """The records of one source: "results", or another folder that a user trains into, by its name."""

    source: str
    store: Store
    records: tuple[Record, ...]
    paired_runs: PairedRuns

    def protocols(self) -> list[Protocol]:
        """The protocols that have records here, as the records hold them, sorted by name and version."""
        found = {record.run.cell.protocol: None for record in self.records}
        return sorted(found, key=lambda protocol: (protocol.name, protocol.version))

    def frame(self) -> pd.DataFrame:
        """One line for each record.

        Columns: key, seed, failed, top1_error_pct, top5_error_pct, best_top1_error_pct, train_seconds.
        """
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
    """The records of a results folder: all of them, or those that reports on some tables and claims need.

    tables: None for all records. Raises RecordError for a damaged record.
    """
    store = Store(root)
    if tables is None:
        records = tuple(store.read_all())
    else:
        protocols = store.protocols()
        views = [view for table in tables for view in candidates(table, protocols)]
        cells = {cell for view in views for cell in view.cells}
        cells |= {cell for view in views for cell in cells_of_claims(view, claims)}
        records = tuple(store.read_cells(cells))
    return Loaded(source, store, records, PairedRuns(records))


def load_all(
    roots: Sequence[tuple[Path, str]], tables: Sequence[Table] | None = None, claims: Sequence[Claim] = ()
) -> list[Loaded]:
    """The records of several (folder, source) pairs. Folders without records are left out."""
    return [found for found in (load(root, source, tables, claims) for root, source in roots) if found.records]
