"""One page over all claims: what the paper's own numbers say, what was measured, and the verdicts, by protocol."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_lab.records.files import replace_file
from senet_lab.records.sequential import read_plan
from senet_lab.report.published import Published, value_of
from senet_lab.report.render import markdown
from senet_lab.report.tables import Block, Measured, measured_title
from senet_lab.report.wording import NONE, difference_text, part_text, rule_text
from senet_lab.stats.paired_runs import PairedRuns
from senet_lab.stats.verdicts import ClaimResult, Judgement, PartResult, Verdict, judge
from senet_lab.study.claim import Claim, Costs, Part
from senet_lab.study.counts import Counts
from senet_lab.study.table import Table

COLUMNS = ("claim", "table", "published, points", "measured, points", "seeds", "verdict")
CSV_COLUMNS = (
    "claim", "source", "edition", "table", "records", "protocol", "dataset", "part", "published_points",
    "measured_points", "half_width_95", "ratio", "seeds", "images", "settled_at_seeds", "verdict", "claim_verdict",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """A view of a table and its verdicts."""

    view: Measured
    judgement: Judgement


def claim_block(judged: Sequence[Judged], numbers: list[Published]) -> Block:
    """The claims about tables that have records under one protocol and source: a line for each, then one for each of
    its parts where it has several."""
    lines: list[tuple[str, ...]] = []
    for one in judged:
        for result in one.judgement.claims:
            lines += _lines(result, numbers)
    notes = [
        f"Claims: {tally(result for one in judged for result in one.judgement.claims)}.",
        'Published: the difference between the printed numbers, which have one seed and no interval; "counted" parts '
        "are computed from the networks.",
        "Measured: paired over equal seeds and images, with the 95 % half-width; verdicts are about the networks of "
        "this protocol and no others.",
    ]
    for one in judged:
        notes.append(f"{one.view.table.name}: {rule_text(one.judgement)}")
    companion = any(one.view.table.rows != result.claim.table.rows for one in judged for result in one.judgement.claims)
    columns = tuple(c.replace("published", "published (ImageNet)") if companion else c for c in COLUMNS)
    return Block(measured_title(judged[0].view), columns, tuple(lines), tuple(notes))


def open_block(claims: Sequence[ClaimResult], numbers: list[Published]) -> Block:
    """The claims under the paper's own protocols for which there is no record: what is published, what is counted."""
    lines = [line for result in claims for line in _lines(result, numbers)]
    notes = ("No run of these under the paper's own protocols is recorded: only what is counted has a verdict.",)
    return Block("The paper's own protocols", COLUMNS, tuple(lines), notes)


def claims_csv(judged: Iterable[Judged], numbers: list[Published]) -> str:
    """One line a part, source and protocol."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for one in judged:
        for result in one.judgement.claims:
            writer.writerows(_csv_line(one.view, result, part, numbers) for part in result.parts)
    return text.getvalue()


def tally(results: Iterable[ClaimResult]) -> str:
    """How many claims have which verdict, in one line."""
    found = [result.verdict for result in results]
    return ", ".join(f"{found.count(verdict)} {verdict.value}" for verdict in Verdict)


def _lines(result: ClaimResult, numbers: list[Published]) -> Iterable[tuple[str, ...]]:
    claim, parts = result.claim, result.parts
    if len(parts) == 1:
        yield (claim.statement, claim.table.name, *_cells(claim, parts[0], numbers)[:-1], result.verdict.value)
        return
    yield (claim.statement, claim.table.name, "", "", "", result.verdict.value)
    for part in parts:
        yield (f"· {part_text(part.part)}", "", *_cells(claim, part, numbers))


def _cells(claim: Claim, result: PartResult, numbers: list[Published]) -> tuple[str, str, str, str]:
    if isinstance(result.part, Costs):
        ratio = NONE if result.ratio is None else f"{result.ratio:.4f} (ratio)"
        return NONE, ratio, "counted", result.verdict.value
    published = published_difference(claim, result.part, numbers)
    seeds = NONE if result.difference is None else str(result.difference.seeds)
    verdict = result.verdict.value + (f" at {result.looked_at} seeds" if result.looked_at else "")
    return NONE if published is None else f"{published:+.2f}", difference_text(result.difference), seeds, verdict


def published_difference(claim: Claim, part: Part, numbers: list[Published]) -> float | None:
    """Row less other row by the printed top-1 errors of the claim's table; None where one is not printed there."""
    rows = {row.label: row for row in claim.table.rows}
    if not {part.row, part.than} <= rows.keys():
        return None
    metrics = ("top1_error", "top1_error_224")  # the second where several sizes are printed
    error, other = (value_of(numbers, claim.table, rows[label], *metrics) for label in (part.row, part.than))
    return None if error is None or other is None else error - other


def _csv_line(view: Measured, result: ClaimResult, part: PartResult, numbers: list[Published]) -> dict[str, object]:
    claim, difference = result.claim, part.difference
    line: dict[str, object] = {
        "claim": claim.name,
        "source": claim.source,
        "edition": claim.table.edition,
        "table": claim.table.number,
        "records": view.source,
        "protocol": view.name,
        "dataset": view.protocols[0].data_name,
        "part": part_text(part.part),
        "verdict": part.verdict.value,
        "claim_verdict": result.verdict.value,
        "settled_at_seeds": part.looked_at or "",
    }
    published = None if isinstance(part.part, Costs) else published_difference(claim, part.part, numbers)
    if published is not None:
        line["published_points"] = round(published, 2)
    if part.ratio is not None:
        line["ratio"] = round(part.ratio, 6)
    if difference is not None:
        line |= {
            "measured_points": round(difference.value, 4),
            "half_width_95": round(difference.half_width, 4),
            "seeds": difference.seeds,
            "images": difference.images,
        }
    return line


@dataclass(frozen=True, slots=True)
class Page:
    """The page as text, its files, and its blocks of measured claims."""

    text: str
    paths: tuple[Path, ...]
    measured: tuple[Block, ...]


def judged(view: Measured, claims: Iterable[Claim], counts: Mapping[str, Counts]) -> Judged:
    """A view with its verdicts, by the sequential plan of its records where there is one."""
    plan = read_plan(view.loaded.store.root, view.table.slug, view.name)
    return Judged(view, judge(view.table, claims, view.loaded.paired_runs, counts, plan))


def write_claims(
    tables: Sequence[Table],
    views: Sequence[Sequence[Judged]],
    claims: Sequence[Claim],
    numbers: list[Published],
    counts: Mapping[str, Counts],
    root: Path,
) -> Page:
    """Writes ``claims.md`` and ``claims.csv`` below ``root``. Synthetic data support and contradict nothing, so they
    have no part in it."""
    kept = [one for of_table in views for one in of_table if not one.view.synthetic]
    groups: dict[str, list[Judged]] = {}
    for one in kept:
        groups.setdefault(measured_title(one.view), []).append(one)
    measured = tuple(claim_block(group, numbers) for group in groups.values())
    recorded = [one.view.table for one in kept]
    without = [judge(table, claims, PairedRuns(()), counts) for table in tables if table not in recorded]
    rest = open_block([result for judgement in without for result in judgement.claims], numbers)
    text = markdown("What the paper says, and whether it holds here", [*measured, rest])
    paths = (root / "claims.md", root / "claims.csv")
    for path, content in zip(paths, (text, claims_csv(kept, numbers)), strict=True):
        replace_file(path, content.encode())
    return Page(text, paths, measured)
