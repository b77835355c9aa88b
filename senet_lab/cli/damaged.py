"""Records that cannot be read, told apart from those that are missing: one must not hold up a queue."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from senet_lab.errors import StudyError
from senet_lab.study import Run

if TYPE_CHECKING:
    from senet_lab.records.store import Store

MOST_NAMED = 3  # files in one line


def readable(store: "Store", runs: Iterable[Run]) -> tuple[list[Run], dict[Run, str]]:
    """The runs without a record, and those with a damaged one, each with the line that says what is wrong."""
    missing, damaged = list[Run](), dict[Run, str]()
    for run in runs:
        try:
            missing += [run] if store.read(run) is None else []
        except StudyError as error:
            damaged[run] = str(error)
    return missing, damaged


def damaged_text(damaged: Mapping[Run, str]) -> str:
    """What is wrong with these records, in one line; of many, the first few."""
    lines = list(dict.fromkeys(damaged.values()))
    more = [f"and {len(lines) - MOST_NAMED} more such files"] * (len(lines) > MOST_NAMED)
    return "; ".join([*lines[:MOST_NAMED], *more])
