"""Verdicts: whether the parts of the claims about a table hold in what was measured under one protocol.

All comparisons of a table under a protocol are one family: those of its claims and every row with its baseline. Holm's
adjustment keeps the chance of any false verdict in it below 5 %, and so does a sequential plan over all its looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from senet_lab.records.sequential import SequentialPlan
from senet_lab.stats.difference import SIGNIFICANCE, Difference, holm, p_above, p_below
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.study.cell import Cell
from senet_lab.study.claim import Claim, Comparison, Costs, Lower, NotWorse, Part, Quantity
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.table import Row, Table

Family = dict[str, tuple[Comparison, Cell, Cell]]
Asked = Sequence[tuple[Claim, Mapping[str, Cell]]]  # the claims about a table, with what their labels mean there
Settled = dict[str, int | None]  # the seeds of the look that settled a comparison; None: all there are


class Verdict(StrEnum):
    """What the data say of a statement."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDETERMINED = "undetermined"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class PartResult:
    """One part. difference: over all common seeds; ratio: of what is counted. looked_at: the seeds of the look of a
    sequential plan that settled it."""

    part: Part
    verdict: Verdict
    difference: Difference | None = None
    ratio: float | None = None
    looked_at: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim with its parts."""

    claim: Claim
    parts: tuple[PartResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Contradicted where a part is, supported where all are; otherwise not run where a part was not."""
        found = [part.verdict for part in self.parts]
        for verdict in (Verdict.CONTRADICTED, Verdict.NOT_RUN, Verdict.UNDETERMINED):
            if verdict in found:
                return verdict
        return Verdict.SUPPORTED


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of one table under one protocol. rows: each row against its baseline, by label, as "lower"."""

    rows: Mapping[str, PartResult]
    claims: tuple[ClaimResult, ...]
    comparisons: int  # in the family
    plan: SequentialPlan | None


def judge(
    table: Table,
    claims: Iterable[Claim],
    runs: PairedRuns,
    counts: Mapping[str, Counts],
    plan: SequentialPlan | None = None,
) -> Judgement:
    """The verdicts of a table that stands under a protocol, with the claims about its printed counterpart."""
    asked = _asked(table, claims)
    family = _family(table, asked)
    found = settled(family, runs, plan)

    def result(part: Part, cell: Cell, than: Cell) -> PartResult:
        if isinstance(part, Costs):
            return _counted(part, cell, than, counts)
        return _measured(part, cell, than, runs, found)

    return Judgement(
        rows={row.label: result(Lower(row.label, base.label), row.cell, base.cell) for row, base in _baselines(table)},
        claims=tuple(
            ClaimResult(claim, tuple(result(part, cells[part.row], cells[part.than]) for part in claim.parts))
            for claim, cells in asked
        ),
        comparisons=len(family),
        plan=plan,
    )


def p_values(part: Comparison, difference: Difference) -> tuple[float, float]:
    """Two p-values, for the part and against it.

    Where the truth can lie on the border itself, as two equal rows do for ``Lower``, both are doubled.
    """
    if isinstance(part, Lower):
        return min(1.0, 2 * p_below(difference)), min(1.0, 2 * p_above(difference))
    if isinstance(part, NotWorse):
        return p_below(difference, part.margin), p_above(difference, part.margin)
    margin = part.margin
    within = max(p_below(difference, margin), p_above(difference, -margin))
    return within, min(p_above(difference, margin), p_below(difference, -margin))


def claimed_cells(table: Table, claims: Iterable[Claim]) -> list[Cell]:
    """The cells that the claims about a table compare under its protocol, further rows included."""
    return [cell for _, cells in _asked(table, claims) for cell in cells.values()]


def family_of(table: Table, claims: Iterable[Claim]) -> Family:
    """Every comparison of a table and its claims, once, by its name: the part and the two cells."""
    return _family(table, _asked(table, claims))


def _family(table: Table, asked: Asked) -> Family:
    family: Family = {}
    for row, base in _baselines(table):
        part = Lower(row.label, base.label)
        family[_name(part, row.cell, base.cell)] = part, row.cell, base.cell
    for claim, cells in asked:
        for compared in claim.parts:
            if not isinstance(compared, Costs):
                cell, than = cells[compared.row], cells[compared.than]
                family.setdefault(_name(compared, cell, than), (compared, cell, than))
    return family


def settled(family: Family, runs: PairedRuns, plan: SequentialPlan | None) -> Settled:
    """The comparisons that have a verdict: those that one test of all there is settles, or a look of the plan."""
    if plan is None:
        return dict.fromkeys(_rejected(family, runs, None, SIGNIFICANCE))
    found: Settled = {}
    for look in plan.looks():
        for name in _rejected(family, runs, look, plan.level_at(look)):
            found.setdefault(name, look)
    return found


def _rejected(family: Family, runs: PairedRuns, look: int | None, level: float) -> Iterable[str]:
    """The comparisons that one look settles; those without data count in the family all the same."""
    smallest = {}
    for name, (part, cell, than) in family.items():
        difference = runs.difference(cell, than, look)
        smallest[name] = 1.0 if difference is None else min(p_values(part, difference))
    return [name for name, p in holm(smallest).items() if p < level]


def _measured(part: Comparison, cell: Cell, than: Cell, runs: PairedRuns, found: Settled) -> PartResult:
    difference = runs.difference(cell, than)
    if difference is None:
        return PartResult(part, Verdict.NOT_RUN)
    name = _name(part, cell, than)
    if name not in found:
        return PartResult(part, Verdict.UNDETERMINED, difference)
    look = found[name]
    decisive = difference if look is None else runs.difference(cell, than, look)
    assert decisive is not None
    for_it, against_it = p_values(part, decisive)
    verdict = Verdict.SUPPORTED if for_it < against_it else Verdict.CONTRADICTED
    return PartResult(part, verdict, difference, looked_at=look)


def _counted(part: Costs, cell: Cell, than: Cell, counts: Mapping[str, Counts]) -> PartResult:
    found = [counts.get(network_key(one)) for one in (cell, than)]
    if found[0] is None or found[1] is None:
        return PartResult(part, Verdict.NOT_RUN)
    amounts = [c.trainable if part.quantity is Quantity.PARAMETERS else c.multiply_adds for c in found if c]
    ratio = amounts[0] / amounts[1]
    holds = part.least <= ratio <= part.most
    return PartResult(part, Verdict.SUPPORTED if holds else Verdict.CONTRADICTED, ratio=ratio)


def _asked(table: Table, claims: Iterable[Claim]) -> Asked:
    return [(claim, _cells(claim, table)) for claim in claims if _applies(claim, table)]


def _applies(claim: Claim, table: Table) -> bool:
    same = (claim.table.edition, claim.table.number) == (table.edition, table.number)
    return same and (claim.transfers or claim.table.rows == table.rows)


def _cells(claim: Claim, table: Table) -> dict[str, Cell]:
    """The cells that the claim's labels mean under the table's protocol."""
    wide = replace(claim.table, rows=claim.table.rows + claim.rows)
    if claim.table.rows != table.rows:
        wide = wide.under(table.paper_protocol)
    return {row.label: row.cell for row in wide.rows}


def _baselines(table: Table) -> Sequence[tuple[Row, Row]]:
    return [(row, table.baseline_of(row)) for row in table.rows if table.baseline_of(row) is not row]


def _name(part: Comparison, cell: Cell, than: Cell) -> str:
    """Names a comparison by what it compares, whichever way round where that makes no difference."""
    keys = [cell.key, than.key]
    if not isinstance(part, NotWorse):
        keys.sort()
    margin = "" if isinstance(part, Lower) else f" {part.margin:g}"
    return f"{type(part).__name__} {keys[0]} {keys[1]}{margin}"
