"""Verdicts: whether the claims about a table hold in the measurements under one protocol.

All comparisons of a table under a protocol are one family: those of its claims, and every row with its baseline. Holm's
adjustment keeps the probability of any false verdict in the family below 5 %. A sequential plan does the same over all
its looks.

With two to four seeds the spread over seeds is estimated from all rows of the table that have these seeds, if there
are three or more. With other numbers of seeds, or with fewer such rows, it is estimated from the compared rows alone
(seed_noise.py). Which runs are recorded decides that, and never what they measured.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import SIGNIFICANCE, Difference, holm, p_above, p_below
from senet_lab.stats.families import Compared, claims_asked, compared, family_from, row_pairs
from senet_lab.stats.measured import ByName, Measured, measure_family, runs_far_from_others, turned
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.cell import Cell, Run
from senet_lab.study.claim import Claim, ComparedPart, Costs, Directed, Higher, Lower, NotWorse, Part, Quantity
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.table import Table


class Verdict(StrEnum):
    """What the data say about a statement.

    NOT_PAIRED: both rows were run, but no seed finished in both on the same images, as where all runs of one diverged.
    """

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    ONE_SEED = "one seed: no test"
    UNDETERMINED = "undetermined"
    NOT_PAIRED = "no paired runs"
    NOT_RUN = "not run"


def columns_of(found: Collection[Verdict]) -> list[Verdict]:
    """The verdicts that a count names, in order: all of them, NOT_PAIRED only where one of ``found`` is that."""
    return [verdict for verdict in Verdict if verdict is not Verdict.NOT_PAIRED or verdict in found]


@dataclass(frozen=True, slots=True)
class Decision:
    """A comparison that a test decided.

    difference: the tested difference. look: the number of seeds at the deciding look of a sequential plan; None without
    a plan, where all seeds are tested at once. adjusted_p: the p-value of that test after Holm's adjustment. tested:
    for how many comparisons it is adjusted: all of the family, or with a plan those that were open at the look.
    """

    compared: Compared
    difference: Difference
    look: int | None
    adjusted_p: float
    tested: int

    def verdict_of(self, one: Compared) -> Verdict:
        """The verdict on a comparison with the same name. It may compare the same two cells in the other order."""
        difference = turned(self.difference, self.compared, one)
        for_it, against_it = p_values(one.part, difference, one.higher_is_better)
        return Verdict.SUPPORTED if for_it < against_it else Verdict.CONTRADICTED


@dataclass(frozen=True, slots=True)
class PartResult:
    """The verdict on one part of a claim.

    difference: the measured difference over all common seeds. ratio: the ratio of counted parameters or multiply-adds.
    looked_at: with a sequential plan, the number of seeds at the look that decided the part. adjusted_p: the p-value
    after Holm's adjustment, which a verdict needs below 5 %; with a plan, that of the deciding look. tested: for how
    many comparisons it is adjusted. Each is None where there is none. runs: the runs that the difference is between.
    """

    part: Part
    verdict: Verdict
    difference: Difference | None = None
    ratio: float | None = None
    looked_at: int | None = None
    adjusted_p: float | None = None
    tested: int | None = None
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim with the verdicts on its parts."""

    claim: Claim
    parts: tuple[PartResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Contradicted if any part is contradicted, supported if all parts are supported.

        Else the first of these verdicts that a part has: not run, not paired, one seed, undetermined.
        """
        found = [part.verdict for part in self.parts]
        order = (Verdict.CONTRADICTED, Verdict.NOT_RUN, Verdict.NOT_PAIRED, Verdict.ONE_SEED, Verdict.UNDETERMINED)
        return next((verdict for verdict in order if verdict in found), Verdict.SUPPORTED)

    @property
    def counted(self) -> bool:
        """Whether the claim is about counted parameters and multiply-adds alone, so that no training tests it."""
        return all(isinstance(part.part, Costs) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of one table under one protocol.

    rows: each row tested as "lower than its baseline", by label. comparisons: how many the family has. far_runs: the
    runs whose error lies far from the value that the table's other runs predict. plan_fits: whether the plan was begun
    with these comparisons.
    """

    rows: Mapping[str, PartResult]
    claims: tuple[ClaimResult, ...]
    comparisons: int
    plan: SequentialPlan | None
    far_runs: tuple[Run, ...]
    plan_fits: bool = True


def judge(
    table: Table,
    claims: Iterable[Claim],
    runs: PairedRuns,
    counts: Mapping[str, Counts],
    plan: SequentialPlan | None = None,
) -> Judgement:
    """The verdicts of a table under one protocol, and on the claims about its printed counterpart.

    counts: parameters and multiply-adds, by network. plan: the sequential plan that the table was trained by, if any.
    """
    asked = claims_asked(table, claims)
    family = family_from(table, asked)
    measured, far = measure_family(family, runs), runs_far_from_others(family, runs)
    p = {} if plan else _adjusted(family.comparisons, measured.of_all_seeds)
    found = decisions(measured, plan, p)

    def result(part: Part, cells: Mapping[str, Cell]) -> PartResult:
        if isinstance(part, Costs):
            return _counted(part, cells[part.row], cells[part.than], counts)
        one = compared(part, cells)
        if not all(map(runs.was_run, one.cells)):
            return PartResult(part, Verdict.NOT_RUN)
        between = [Run(cell=cell, seed=seed) for cell in one.cells for seed in runs.common_seeds(one.cells)]
        return replace(_tested(one, measured, found, p), runs=tuple(between))

    return Judgement(
        rows={
            row.label: result(Lower(row.label, base.label), {row.label: row.cell, base.label: base.cell})
            for row, base in row_pairs(table)
        },
        claims=tuple(ClaimResult(claim, tuple(result(part, cells) for part in claim.parts)) for claim, cells in asked),
        comparisons=len(family.comparisons),
        plan=plan,
        far_runs=far,
        plan_fits=plan is None or plan.is_of(family.comparisons),
    )


def p_values(part: ComparedPart, difference: Difference, higher_is_better: bool = False) -> tuple[float, float]:
    """Two p-values, for the part and against it; the smaller one decides.

    Where two one-sided tests can both be wrong for one truth, they share the error rate, so their p-values are doubled.
    This holds for ``Lower`` and ``Higher``, where the two rows may be equal, and against ``Equivalent``, where a row
    may seem to lie beyond either end of the margin. higher_is_better: whether a higher number is better, as for AP; it
    decides what "worse" means.
    """
    if isinstance(part, Higher) or (isinstance(part, NotWorse) and higher_is_better):
        difference = replace(difference, value=-difference.value)
    if isinstance(part, Directed):
        return min(1.0, 2 * p_below(difference)), min(1.0, 2 * p_above(difference))
    if isinstance(part, NotWorse):
        return p_below(difference, part.margin), p_above(difference, part.margin)
    margin = part.margin
    within = max(p_below(difference, margin), p_above(difference, -margin))
    return within, min(1.0, 2 * min(p_above(difference, margin), p_below(difference, -margin)))


def decisions(
    measured: Measured, plan: SequentialPlan | None, adjusted_p: Mapping[str, float] | None = None
) -> dict[str, Decision]:
    """The decided comparisons, by name: by one test of all seeds, or by the looks of a plan where there is one.

    adjusted_p: those of the one test, where the caller has them already.
    """
    comparisons = measured.family.comparisons
    if plan is None:
        p = adjusted_p or _adjusted(comparisons, measured.of_all_seeds)
        return _decided(comparisons, measured.of_all_seeds, p, SIGNIFICANCE, None)
    found: dict[str, Decision] = {}
    for look in plan.looks():
        differences = measured.at_look(plan, look, found)
        if not differences:
            break
        p = _adjusted(comparisons, differences)
        for name, decision in _decided(comparisons, differences, p, plan.level_at(look), look).items():
            found.setdefault(name, decision)
    return found


def _decided(
    comparisons: Mapping[str, Compared], differences: ByName, p: Mapping[str, float], level: float, look: int | None
) -> dict[str, Decision]:
    """The comparisons that are decided at one look, where ``p`` are the adjusted p-values."""
    return {
        name: Decision(comparisons[name], difference, look, adjusted, len(p))
        for name, adjusted in p.items()
        if adjusted < level and (difference := differences[name]) is not None
    }


def _adjusted(comparisons: Mapping[str, Compared], differences: ByName) -> dict[str, float]:
    """The smaller p-value of each comparison after Holm's adjustment, by name. Those without data count, too."""
    return holm({name: _smaller_p(comparisons[name], difference) for name, difference in differences.items()})


def _smaller_p(one: Compared, difference: Difference | None) -> float:
    return 1.0 if difference is None else min(p_values(one.part, difference, one.higher_is_better))


def _tested(one: Compared, measured: Measured, found: Mapping[str, Decision], p: Mapping[str, float]) -> PartResult:
    difference = measured.difference(one)
    if difference is None:
        return PartResult(one.part, Verdict.NOT_PAIRED)
    if made := found.get(one.name):
        verdict = made.verdict_of(one)
        return PartResult(one.part, verdict, difference, None, made.look, made.adjusted_p, made.tested)
    if difference.seeds == 1:
        return PartResult(one.part, Verdict.ONE_SEED, difference)
    return PartResult(one.part, Verdict.UNDETERMINED, difference, adjusted_p=p.get(one.name), tested=len(p) or None)


def _counted(part: Costs, cell: Cell, than: Cell, counts: Mapping[str, Counts]) -> PartResult:
    found = [counts.get(network_key(one)) for one in (cell, than)]
    if found[0] is None or found[1] is None:
        return PartResult(part, Verdict.NOT_RUN)
    amounts = [c.trainable if part.quantity is Quantity.PARAMETERS else c.multiply_adds for c in found if c]
    ratio = amounts[0] / amounts[1]
    holds = part.least <= ratio <= part.most
    return PartResult(part, Verdict.SUPPORTED if holds else Verdict.CONTRADICTED, ratio=ratio)
