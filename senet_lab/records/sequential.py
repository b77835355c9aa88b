"""The plan of a table that is trained until its comparisons are settled: ``<root>/sequential/<table>-<protocol>.json``.

It is kept with the records because verdicts depend on it.

Looking after every seed and stopping when something shows finds something too often. The plan spends the error rate
over the looks: at n seeds only a part of it may be used, and the parts add up to the whole, whatever the data do.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import read_json
from senet_lab.records.files import write_once

MEND = "restore it from git, or delete it"
FIRST_LOOK = 2  # seeds; one tells nothing of the spread over seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialPlan:
    """most_seeds: the last look. level: how often any verdict of the table may be false, all looks together."""

    table: str
    protocol: str
    most_seeds: int
    level: float

    def looks(self) -> range:
        """The numbers of seeds at which verdicts are taken."""
        return range(FIRST_LOOK, self.most_seeds + 1)

    def level_at(self, seeds: int) -> float:
        """The part of the level that the look at so many seeds may use: more the later it is."""
        return self.level * (self._spent(seeds) - self._spent(seeds - 1))

    def _spent(self, seeds: int) -> float:
        return ((seeds - FIRST_LOOK + 1) / (self.most_seeds - FIRST_LOOK + 1)) ** 2


def plan_path(root: Path, table: str, protocol: str) -> Path:
    """Where the plan of a table (by its slug) under a protocol lies."""
    return root / "sequential" / f"{table}-{protocol}.json"


def read_plan(root: Path, table: str, protocol: str) -> SequentialPlan | None:
    """The plan, or None where the table has none. Raises StudyError for a damaged file."""
    path = plan_path(root, table, protocol)
    try:
        plan = SequentialPlan(**read_json(path, MEND))
        if (plan.table, plan.protocol) != (table, protocol):
            raise ValueError("it is of another table")
        if type(plan.most_seeds) is not int or type(plan.level) is not float:
            raise ValueError(f"most_seeds {plan.most_seeds!r}, level {plan.level!r}")
        if plan.most_seeds < FIRST_LOOK or not 0 < plan.level < 1:
            raise ValueError(f"{plan.most_seeds} seeds at level {plan.level}")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StudyError(f"{path} is no valid plan ({error}); {MEND}") from None
    return plan


def begin_plan(root: Path, plan: SequentialPlan) -> SequentialPlan:
    """Writes a plan, or finds the same one there.

    Raises StudyError where the table was begun with another: to change it after a look voids its error rate.
    """
    path = plan_path(root, plan.table, plan.protocol)
    write_once(path, json.dumps(asdict(plan), indent=1, sort_keys=True) + "\n")
    found = read_plan(root, plan.table, plan.protocol)
    assert found is not None
    if found != plan:
        raise StudyError(
            f"{path}: this table was begun with at most {found.most_seeds} seeds; changing that after a look voids its "
            f"error rate. Say --seeds {found.most_seeds}, or begin anew with another --results"
        )
    return found
