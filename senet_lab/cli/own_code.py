"""Warns where recorded runs were trained with other code of a user than is loaded now.

A cell's key holds the name of a user's block or network and not its code, so an edited one still has its old records.
"""

import functools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab.extensions import digests, used_by
from senet_lab.study import Run

if TYPE_CHECKING:
    from senet_lab.records.record import Record


def warn_of_runs(runs: Sequence[Run], root: Path) -> None:
    """``warn_of_records`` with the records of these runs."""
    own = [run for run in runs if used_by(run.cell)]
    if own:
        from senet_lab.records.store import Store

        warn_of_records(record for run in own if (record := Store(root).read(run)) is not None)


def warn_of_records(records: "Iterable[Record]") -> None:
    """Prints a warning on stderr where the code of records, by its files' SHA-256, is not what is loaded now."""
    edited = of_other_code(records)
    if edited:
        files = ", ".join(sorted({name for record in edited for name in digests(record.run.cell)}))
        _say_once(
            f"warning: runs are recorded that were trained before {files} was edited; they stand as they are. If a "
            "block or network in it computes something else now, give it another name, or train into another folder "
            "(--results)"
        )


@functools.cache
def _say_once(text: str) -> None:
    """Prints a text on stderr. A command that trains and reports would print it twice."""
    print(text, file=sys.stderr)


def of_other_code(records: "Iterable[Record]") -> "list[Record]":
    """The records whose user's code is another than what is loaded now.

    Records without a user's code, and those whose code is not loaded, are left out.
    """
    found = []
    for record in records:
        used = used_by(record.run.cell)
        # Older records have the digest of a file alone, without the files beside it.
        now = [{one.sha256 for one in used}, {one.own_sha256 for one in used}]
        if used and any(set(part.extensions.values()) not in now for part in record.provenance.parts):
            found.append(record)
    return found
