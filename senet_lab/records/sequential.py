"""The plan of a table that is trained until its comparisons are settled: ``<root>/sequential/<table>-<protocol>.json``.

It is kept with the records because verdicts depend on it.

Whoever tests after every seed and stops at the first positive test gets too many false verdicts. The plan divides the
error rate over the looks: each look may use only a part of it, and the parts add up to the whole, whatever the data do.
Half of it is kept for the last look, so that a plan has nearly the power of one test of all its seeds. The other half
is spent late, too, by the rule of O'Brien and Fleming (Biometrics 35, 1979; Lan and DeMets, Biometrika 70, 1983).
Records from before the plan may have been seen already, so no look counts them: looks begin with the next seed.
A comparison that a look settles stays settled. Later looks test the others alone, with Holm's adjustment over these.
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

MEND = "restore it from git"  # to delete a plan that was begun would void its error rate
FIRST_LOOK = 2  # seeds; one seed says nothing about the spread over seeds
# The rule's version. Plans of version 1 look after every seed, spend earlier, and do not pool the spread. Those of
# version 2 count comparisons that earlier looks settled among those that a look tests, and test with the runs that are
# there. Those of version 3 do not say which comparisons they were begun with.
VERSION = 4
AT_THE_LAST_LOOK = 0.5  # the part of the level that is kept for the last look


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialPlan:
    """The plan of one table under one protocol.

    most_seeds: the number of seeds at the last look. level: the probability that any verdict of the table is false,
    over all looks together. first_seed: the first seed that counts. version: the version of the rule for verdicts.
    compares: the names of the comparisons that it was begun with; empty for a plan that does not say them.
    """

    table: str
    protocol: str
    most_seeds: int
    level: float
    first_seed: int = 0
    version: int = VERSION
    compares: tuple[str, ...] = ()

    @property
    def pools(self) -> bool:
        """Whether looks at few seeds estimate the spread over seeds from all rows of the table."""
        return self.version > 1

    @property
    def leaves_out_settled(self) -> bool:
        """Whether a look tests only the comparisons that earlier looks left open, when all of their runs are there.

        Holm's adjustment then counts these alone. The chance of any false verdict is as before: Maurer and Bretz,
        Statistics in Biopharmaceutical Research 5 (2013).
        """
        return self.version > 2

    @property
    def last_seed(self) -> int:
        """The last seed that may replace one that failed."""
        return self.first_seed + 2 * self.most_seeds - 1

    def is_of(self, comparisons: Iterable[str]) -> bool:
        """Whether the plan was begun with these comparisons, as far as it says.

        Its looks share one error rate over them. Rows or claims that come or go after a look change what it found.
        """
        return not self.compares or set(self.compares) == set(comparisons)

    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which verdicts are made. Each is about 0.7 of the next: more looks would cost more
        power than they gain."""
        if self.version == 1:
            return tuple(range(FIRST_LOOK, self.most_seeds + 1))
        found = [self.most_seeds]
        while (earlier := min(found[-1] - 1, (7 * found[-1] + 5) // 10)) >= FIRST_LOOK:
            found.append(earlier)
        return tuple(reversed(found))

    def level_at(self, look: int) -> float:
        """The part of the level that a look may use. Later looks may use more."""
        looks = self.looks()
        before = looks[: looks.index(look)]
        return self.level * (self._spent(look) - (self._spent(before[-1]) if before else 0.0))

    def _spent(self, look: int) -> float:
        """The share of the level that is used up to and including a look."""
        if look == self.most_seeds:
            return 1.0
        if self.version == 1:
            return ((look - FIRST_LOOK + 1) / (self.most_seeds - FIRST_LOOK + 1)) ** 2
        quantile = NormalDist().inv_cdf(1 - self.level / 2) / (look / self.most_seeds) ** 0.5
        return (1 - AT_THE_LAST_LOOK) * erfc(quantile / 2**0.5) / self.level


def plan_path(root: Path, table: str, protocol: str) -> Path:
    """The path of the plan of a table (by its slug) under a protocol."""
    return root / "sequential" / f"{table}-{protocol}.json"


def read_plan(root: Path, table: str, protocol: str) -> SequentialPlan | None:
    """The plan, or None where the table has none. Raises StudyError for a damaged file or another table's."""
    path = plan_path(root, table, protocol)
    plan = plan_in(path)
    if plan is not None and (plan.table, plan.protocol) != (table, protocol):
        raise StudyError(f"{path} is no valid plan (it is of another table); {MEND}")
    return plan


def plan_in(path: Path) -> SequentialPlan | None:
    """The plan in a file, of whichever table; None without the file. Raises StudyError for a damaged one."""
    try:
        said = {"first_seed": 0, "version": 1} | read_json(path, MEND)
        if type(said["version"]) is int and said["version"] > VERSION:
            raise StudyError(f"{path} is a plan of a newer senet_lab (version {said['version']}); update to read it")
        plan = SequentialPlan(**said | {"compares": tuple(map(str, said.get("compares", ())))})
        for name in ("most_seeds", "first_seed", "version"):
            if type(getattr(plan, name)) is not int:
                raise ValueError(f"{name} is {getattr(plan, name)!r}")
        if type(plan.level) is not float:
            raise ValueError(f"level is {plan.level!r}")
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
    """Writes a new plan, or returns the existing one.

    recorded_seeds: the seeds of the table's records. They may have been seen before the plan, so a new plan begins
    after the highest of them. Raises StudyError where the table was begun with another plan or other comparisons, since
    changing them after a look voids its error rate.
    """
    path = plan_path(root, plan.table, plan.protocol)
    plan = replace(plan, first_seed=max(recorded_seeds, default=-1) + 1)
    write_once(path, json.dumps(asdict(plan), indent=1, sort_keys=True) + "\n")
    found = read_plan(root, plan.table, plan.protocol)
    assert found is not None
    if (found.most_seeds, found.level) != (plan.most_seeds, plan.level):
        raise StudyError(
            f"{path}: this table was begun with at most {found.most_seeds} seeds; changing that after a look voids its "
            f"error rate. Say --seeds {found.most_seeds}; another folder would give the same runs again"
        )
    if not found.is_of(plan.compares):
        raise StudyError(
            f"{path}: this table was begun with {len(found.compares)} comparisons, and now has other ones; changing "
            "rows or claims after a look voids its error rate. Restore them, or make a table of another name"
        )
    return found
