"""Refuses to rebuild tables that would show fewer runs than they show now, because records were lost."""

from collections.abc import Iterable
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import read_csv
from senet_lab.records.reading import is_file
from senet_lab.report.csv_tables import COLUMNS
from senet_lab.study.table import Table

NOT_MEASURED = ("published", "computed")
MOST_NAMED = 3


def refuse_fewer(tables: Iterable[Table], root: Path, stores: Iterable[Path]) -> None:
    """Raises StudyError where a table below ``root`` shows a run whose record is no longer in any of the stores.

    Call it before anything is written. stores: the results folders that are read.
    """
    stores = list(stores)
    lost = list(dict.fromkeys(run for table in tables for run in _lost(root / "tables" / f"{table.slug}.csv", stores)))
    if not lost:
        return
    more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
    raise StudyError(
        f"{len(lost)} runs that {root}/tables shows have no record any more ({', '.join(lost[:MOST_NAMED])}{more}), so "
        "the tables would lose them; restore the records from git, or say --allow-fewer"
    )


def _lost(shown: Path, stores: list[Path]) -> list[str]:
    try:
        lines = read_csv(shown, COLUMNS, "restore it from git, or delete it: it is made from the records")
    except FileNotFoundError:
        return []
    runs = dict.fromkeys(
        f"{line['protocol']}/{line['cell_key']}/seed-{seed}.json"
        for line in lines
        if line["source"] not in NOT_MEASURED
        for seed in line["seeds"].split()
    )
    return [run for run in runs if not any(is_file(store / "records" / run) for store in stores)]
