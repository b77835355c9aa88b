"""Loads the records of results folders for reports."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from senet_lab.records.record import Record, Status
from senet_lab.records.store import Store
from senet_lab.stats.families import cells_of_claims
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import HELD_OUT, Protocol
from senet_lab.study.small_photos import table_from_small_photos
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


def candidates(table: Table, protocols: Iterable[Protocol]) -> list[Table]:
    """The table under the paper's own protocols, and under every other protocol that it has networks for.

    Where rows differ in nothing but their protocol, the table stands under its own protocols only: under any one
    protocol these rows would be the same cell. Protocols that evaluate on held-out training images are left out: they
    compare recipes, and belong to the table that chooses the recipe.
    """
    own = {cell.protocol for cell in table.cells}
    protocols = list(protocols)
    found = [table]
    if len(own) > 1 and any(protocol.small_photos for protocol in protocols):
        with contextlib.suppress(ValueError):  # a row is not trained on photos
            found.append(table_from_small_photos(table))
    for protocol in protocols:
        if protocol not in own and protocol.evaluation_split != HELD_OUT:
            with contextlib.suppress(ValueError):  # a row has no network for that data set
                found.append(table.under(protocol))
    rows = len(set(table.cells))
    return [candidate for candidate in found if len(set(candidate.cells)) == rows]
