"""The plan of a table that is trained until its comparisons are settled: ``<root>/sequential/<table>-<protocol>.json``.

It is kept with the records because verdicts depend on it.

Looking after every seed and stopping when something shows finds something too often. The plan spends the error rate
over the looks: each may use only a part of it, and the parts add up to the whole, whatever the data do. Half of it is
kept for the last look, so that a plan finds nearly as much as one test of all its seeds would; the other half is spent
late too, in the manner of O'Brien and Fleming (Biometrics 35, 1979; Lan and DeMets, Biometrika 70, 1983). What was
recorded before the plan began was there to be looked at, so no look counts it: the looks begin with the next seed.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import erfc
from pathlib import Path
from statistics import NormalDist

from senet_lab.errors import StudyError
from senet_lab.records.checked_files import read_json
from senet_lab.records.files import write_once

MEND = "restore it from git, or delete it"
FIRST_LOOK = 2  # seeds; one tells nothing of the spread over seeds
VERSION = 2  # of the rule; plans of version 1 look at every seed from 0 on, spend earlier, and pool no spread
AT_THE_LAST_LOOK = 0.5  # of the level


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialPlan:
    """most_seeds: of the last look. level: how often any verdict of the table may be false, all looks together.

    first_seed: the first one that counts. version: of the rule by which verdicts are taken.
    """

    table: str
    protocol: str
    most_seeds: int
    level: float
    first_seed: int = 0
    version: int = VERSION

    @property
    def pools(self) -> bool:
        """Whether looks at few seeds tell the spread over seeds from all rows of the table."""
        return self.version > 1

    @property
    def last_seed(self) -> int:
        """The last one that may take the place of a seed that failed."""
        return self.first_seed + 2 * self.most_seeds - 1

    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which verdicts are taken: each 0.7 of the next, as looks between cost more than
        they find."""
        if self.version == 1:
            return tuple(range(FIRST_LOOK, self.most_seeds + 1))
        found = [self.most_seeds]
        while (earlier := min(found[-1] - 1, (7 * found[-1] + 5) // 10)) >= FIRST_LOOK:
            found.append(earlier)
        return tuple(reversed(found))

    def level_at(self, look: int) -> float:
        """The part of the level that a look may use: more the later it is."""
        looks = self.looks()
        before = looks[: looks.index(look)]
        return self.level * (self._spent(look) - (self._spent(before[-1]) if before else 0.0))

    def _spent(self, look: int) -> float:
        """The share of the level that is used up to a look."""
        if look == self.most_seeds:
            return 1.0
        if self.version == 1:
            return ((look - FIRST_LOOK + 1) / (self.most_seeds - FIRST_LOOK + 1)) ** 2
        quantile = NormalDist().inv_cdf(1 - self.level / 2) / (look / self.most_seeds) ** 0.5
        return (1 - AT_THE_LAST_LOOK) * erfc(quantile / 2**0.5) / self.level


def plan_path(root: Path, table: str, protocol: str) -> Path:
    """Where the plan of a table (by its slug) under a protocol lies."""
    return root / "sequential" / f"{table}-{protocol}.json"


def read_plan(root: Path, table: str, protocol: str) -> SequentialPlan | None:
    """The plan, or None where the table has none. Raises StudyError for a damaged file."""
    path = plan_path(root, table, protocol)
    try:
        plan = SequentialPlan(**({"first_seed": 0, "version": 1} | read_json(path, MEND)))
        if (plan.table, plan.protocol) != (table, protocol):
            raise ValueError("it is of another table")
        for name in ("most_seeds", "first_seed", "version"):
            if type(getattr(plan, name)) is not int:
                raise ValueError(f"{name} is {getattr(plan, name)!r}")
        if type(plan.level) is not float:
            raise ValueError(f"level is {plan.level!r}")
        if plan.version > VERSION:
            raise StudyError(f"{path} is a plan of a newer senet_lab (version {plan.version}); update to read it")
        if plan.version < 1 or plan.first_seed < 0:
            raise ValueError(f"version {plan.version} from seed {plan.first_seed}")
        if plan.most_seeds < FIRST_LOOK or not 0 < plan.level < 1:
            raise ValueError(f"{plan.most_seeds} seeds at level {plan.level}")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StudyError(f"{path} is no valid plan ({error}); {MEND}") from None
    return plan


def begin_plan(root: Path, plan: SequentialPlan, recorded_seeds: Iterable[int] = ()) -> SequentialPlan:
    """Writes a plan, or finds the same one there.

    recorded_seeds: those of the table's records. They could be looked at before the plan, so a new plan begins after
    the highest of them.

    Raises StudyError where the table was begun with another: to change it after a look voids its error rate.
    """
    path = plan_path(root, plan.table, plan.protocol)
    plan = replace(plan, first_seed=max(recorded_seeds, default=-1) + 1)
    write_once(path, json.dumps(asdict(plan), indent=1, sort_keys=True) + "\n")
    found = read_plan(root, plan.table, plan.protocol)
    assert found is not None
    if (found.most_seeds, found.level) != (plan.most_seeds, plan.level):
        raise StudyError(
            f"{path}: this table was begun with at most {found.most_seeds} seeds; changing that after a look voids its "
            f"error rate. Say --seeds {found.most_seeds}, or begin anew with another --results"
        )
    return found
