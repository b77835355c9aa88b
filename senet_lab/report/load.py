"""Records as a data frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from senet_lab.records.record import Record, Status
from senet_lab.records.store import Store
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.protocol import Protocol

COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Records of one source: "committed", or the name of the folder that a user trains into."""

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


def load(root: Path, source: str) -> Loaded:
    """Every record below a results folder, in order. Raises RecordError for one that cannot be believed."""
    store = Store(root)
    records = tuple(store.read_all())
    return Loaded(source, store, records, PairedRuns(records))


def load_all(roots: Sequence[tuple[Path, str]]) -> list[Loaded]:
    """The records of several folders, told apart by their source; folders without records are left out."""
    return [loaded for loaded in (load(root, source) for root, source in roots) if loaded.records]
