"""What it takes to settle the comparisons of a table, by the records there are: seeds, runs, device time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.records.record import Record
from senet_lab.stats.difference import SIGNIFICANCE, Difference
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.power_analysis import MOST_SEEDS, Spread, limit_of_images, pooled, seeds_needed
from senet_lab.stats.verdicts import family_of
from senet_lab.study.cell import Cell
from senet_lab.study.claim import Claim, Comparison, Lower
from senet_lab.study.table import Table


@dataclass(frozen=True, slots=True)
class Need:
    """One comparison. now: the difference so far. seeds: how many a row needs; None where no number that can be had
    is enough, and ``why_not`` says why. missing_runs, seconds: what is not recorded yet of them."""

    part: Comparison
    now: Difference | None
    seeds: int | None
    missing_runs: int
    seconds: float
    why_not: str


@dataclass(frozen=True, slots=True)
class Needs:
    """All comparisons of a table under a protocol. missing_runs, seconds: for all that can be settled, shared runs
    once. device: where the time was taken."""

    table: str
    protocol: str
    resolve: float
    level: float
    spread: Spread
    device: str
    missing_runs: int
    seconds: float
    comparisons: tuple[Need, ...]


def needs_of(
    table: Table, claims: Sequence[Claim], records: Sequence[Record], resolve: float, max_hours: float | None
) -> Needs:
    """What the comparisons of a table that stands under one protocol need. max_hours: of one worker, a comparison.

    Raises StudyError where no two rows share two seeds yet, so that nothing is known of the spread over seeds, and
    for a resolution that is not above zero.
    """
    if not resolve > 0:
        raise StudyError(f"--resolve is {resolve:g}; it must be a difference above 0 points")
    runs, family = PairedRuns(records), family_of(table, claims)
    found = [runs.difference(cell, than) for _, cell, than in family.values()]
    spread = pooled([difference for difference in found if difference is not None])
    if spread is None:
        raise StudyError(
            f"{table.name} has no two rows with two equal seeds under {table.paper_protocol.name}, so nothing is known "
            "of the spread over seeds; train a pilot first: --seeds 2"
        )
    took = _seconds(family.values(), records)
    level = SIGNIFICANCE / len(family)
    needs, wanted = [], dict[str, tuple[Cell, int]]()
    for (part, cell, than), difference in zip(family.values(), found, strict=True):
        seeds, why = _seeds(part, spread, level, resolve)
        missing = {c.key: max(0, (seeds or 0) - len(runs.seeds(c))) for c in (cell, than)}
        seconds = sum(took[key] * count for key, count in missing.items())
        if seeds and max_hours is not None and seconds > 3600 * max_hours:
            seeds, why = None, f"{seeds} seeds would take {seconds / 3600:.1f} hours"
        if seeds:
            for c in (cell, than):
                wanted[c.key] = c, max(seeds, wanted.get(c.key, (c, 0))[1])
        count = sum(missing.values()) if seeds else 0
        needs.append(Need(part, difference, seeds, count, seconds if seeds else 0.0, why))
    left = {key: max(0, seeds - len(runs.seeds(cell))) for key, (cell, seeds) in wanted.items()}
    return Needs(
        table=table.name,
        protocol=table.paper_protocol.name,
        resolve=resolve,
        level=level,
        spread=spread,
        device=", ".join(dict.fromkeys(r.provenance.device for r in records if r.run.cell.key in took)),
        missing_runs=sum(left.values()),
        seconds=sum(took[key] * count for key, count in left.items()),
        comparisons=tuple(needs),
    )


def _seeds(part: Comparison, spread: Spread, level: float, resolve: float) -> tuple[int | None, str]:
    seeds = seeds_needed(part, spread, level, resolve)
    if seeds is not None:
        return seeds, ""
    limit = limit_of_images(part, spread, level)
    if limit > (resolve if isinstance(part, Lower) else part.margin):
        return None, f"by no number of seeds, as these images settle {limit:.2f} points at best"
    return None, f"more than {MOST_SEEDS} seeds"


def _seconds(family: Any, records: Sequence[Record]) -> Mapping[str, float]:
    """What one run of each cell takes: the mean of its own records, or of all records of the family."""
    keys = {cell.key for _, *cells in family for cell in cells}
    own: dict[str, list[float]] = {key: [] for key in keys}
    for record in records:
        if record.run.cell.key in keys and record.failure is None:
            own[record.run.cell.key].append(record.provenance.train_seconds)
    known = [seconds for of_cell in own.values() for seconds in of_cell]
    return {key: mean(of_cell or known) for key, of_cell in own.items()}
