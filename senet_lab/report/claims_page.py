"""The page of claims: for each protocol, every claim with the published numbers, the measured ones and the verdict."""

from collections.abc import Iterable, Sequence
from typing import Any

from senet_lab.records.checked_files import csv_text
from senet_lab.report.blocks import Block
from senet_lab.report.comparison import Comparison
from senet_lab.report.made_by import made_by, made_text, trained_by
from senet_lab.report.p_values import needed_p, p_number, p_text
from senet_lab.report.published import PublishedTable
from senet_lab.report.render import markdown
from senet_lab.report.views import View, dataset_name, protocols_text, published_on
from senet_lab.report.wording import NONE, difference_text, part_text, rule_text
from senet_lab.stats.verdicts import ClaimResult, Judgement, PartResult, columns_of
from senet_lab.study.claim import Costs

TITLE = "What the paper says and what this project asks, and whether it holds here"
COLUMNS = ("claim", "table", "published, points", "measured, points", "seeds", "adjusted p", "verdict")
CSV_COLUMNS = (
    "claim", "source", "edition", "table", "records", "protocol", "dataset", "split", "selection", "part",
    "published_points", "published_dataset", "measured_points", "half_width_95", "interval_over", "ratio", "seeds",
    "images", "settled_at_seeds", "adjusted_p", "verdict", "claim_verdict", "device", "revision",
)  # fmt: skip


def claims_page(blocks: Sequence[Block]) -> str:
    """The page over all claims."""
    return markdown(TITLE, blocks)


def claim_blocks(comparisons: Iterable[Comparison]) -> list[Block]:
    """One block for each protocol and source of records.

    Views of synthetic data are left out, since they test no claim, and so are tables that no claim is about.
    """
    groups: dict[str, list[Comparison]] = {}
    for one in comparisons:
        if not one.view.synthetic and one.judgement.claims:
            groups.setdefault(measured_title(one.view), []).append(one)
    return [claim_block(group) for group in groups.values()]


def measured_title(view: View) -> str:
    """A heading with the source of the records, a mark for synthetic data, and the protocol."""
    synthetic = "SYNTHETIC DATA, " if view.synthetic else ""
    return f"Measured, records: {view.source} — {synthetic}{protocols_text(view)}"


def claim_block(comparisons: Sequence[Comparison]) -> Block:
    """The claims about tables with records under one protocol and source.

    Each claim has a line; where it has several parts, a line for each part follows.
    """
    results = [result for one in comparisons for result in one.judgement.claims]
    printed = any(one.printed for one in comparisons)
    notes = [
        f"Claims: {tally([one for one in results if not one.counted])}.",
        "Published: the difference between the printed numbers; the paper gives no interval and no number of runs. "
        "Margins are this project's. " * printed + '"Counted" parts are computed from the networks.',
        "Measured: paired over equal seeds and images, ± half of the 95 % interval; verdicts are about the networks of "
        "this protocol and no others. Adjusted p: the p-value of the verdict after Holm's adjustment; a verdict needs "
        f"{needed_p([one.judgement for one in comparisons])}.",
    ]
    counted = [one for one in results if one.counted]
    if counted:
        notes[0] += f" Only counted, so no training tests them: {tally(counted)}."
    runs = {run for one in results for part in one.parts for run in part.runs}
    made = {record.run: record for one in comparisons for record in one.view.loaded.records if record.run in runs}
    if made:
        notes.append(f"Measured numbers are of the final epoch. {made_text(made.values())}")
    notes += [f"{one.view.table.name}: {rule_text(one.judgement)}" for one in comparisons]
    columns = list(COLUMNS)
    companions = [one.view for one in comparisons if one.view.companion]
    papers = published_on(companions)
    if companions:
        columns[2] = f"published ({', '.join(papers)}), points"
        columns[3] = f"measured ({companions[0].datasets}), points"
    view = comparisons[0].view
    return Block(
        measured_title(view),
        tuple(columns),
        tuple(line for one in comparisons for line in _claim_lines(one, name_data=len(papers) > 1)),
        tuple(notes),
        label=(f"claims-{view.paper.slug}-" if len(comparisons) == 1 else "claims-") + view.label,
    )


def open_block(unrecorded: Iterable[tuple[PublishedTable, Judgement]]) -> Block:
    """The claims under the paper's own protocols that have no record, with published differences and counted parts."""
    lines = [
        line
        for published, judgement in unrecorded
        for result in judgement.claims
        for line in _lines(result, published, published.table.name)
    ]
    notes = ("No run of these under the paper's own protocols is recorded: only what is counted has a verdict.",)
    return Block("The paper's own protocols", COLUMNS, tuple(lines), notes, label="claims-not-run")


def claims_csv(comparisons: Iterable[Comparison]) -> str:
    """``claim_lines`` as the text of a CSV file."""
    return csv_text(CSV_COLUMNS, claim_lines(comparisons))


def claim_lines(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    """One line for each claim's part, source and protocol: names, numbers and verdicts, by CSV_COLUMNS.

    Numbers are in points of top-1 error or AP. Values that a part does not have are left out.
    """
    return [
        _line(one.view, result, part, one.published)
        for one in comparisons
        if not one.view.synthetic
        for result in one.judgement.claims
        for part in result.parts
    ]


def tally(results: Iterable[ClaimResult]) -> str:
    """How many claims have each verdict, in one line."""
    found = [result.verdict for result in results]
    return ", ".join(f"{found.count(verdict)} {verdict.value}" for verdict in columns_of(found))


def _claim_lines(one: Comparison, name_data: bool) -> Iterable[tuple[str, ...]]:
    """The lines of a table's claims. name_data: whether the table's name is followed by the paper's data set."""
    paper = one.view.paper
    table = f"{paper.name} ({dataset_name(paper.paper_protocol)})" if name_data else paper.name
    return (line for result in one.judgement.claims for line in _lines(result, one.published, table))


def _lines(result: ClaimResult, published: PublishedTable, table: str) -> Iterable[tuple[str, ...]]:
    claim, parts = result.claim, result.parts
    if len(parts) == 1:
        yield (claim.statement, table, *_cells(parts[0], published))
        return
    yield (claim.statement, table, "", "", "", "", result.verdict.value)
    for part in parts:
        yield (f"· {part_text(part.part)}", "", *_cells(part, published))


def _cells(result: PartResult, published: PublishedTable) -> tuple[str, str, str, str, str]:
    if isinstance(result.part, Costs):
        ratio = NONE if result.ratio is None else f"{result.ratio:.4f} (ratio)"
        return NONE, ratio, "counted", NONE, result.verdict.value
    points = published.points_of(result.part)
    seeds = NONE if result.difference is None else str(result.difference.seeds)
    verdict = result.verdict.value + (f" at {result.looked_at} seeds" if result.looked_at else "")
    printed = NONE if points is None else f"{points:+.2f}"
    return printed, difference_text(result.difference), seeds, p_text(result.adjusted_p), verdict


def _line(view: View, result: ClaimResult, part: PartResult, published: PublishedTable) -> dict[str, Any]:
    claim, difference = result.claim, part.difference
    protocol = part.runs[0].cell.protocol if part.runs else view.protocols[0]
    line: dict[str, Any] = {
        "claim": claim.name,
        "source": claim.source,
        "edition": claim.table.edition,
        "table": claim.table.number,
        "records": view.source,
        **trained_by(protocol),
        **made_by([record for record in view.loaded.records if record.run in part.runs]),
        "part": part_text(part.part),
        "verdict": part.verdict.value,
        "claim_verdict": result.verdict.value,
    }
    points = published.points_of(part.part)
    if points is not None:
        line |= {"published_points": round(points, 2), "published_dataset": dataset_name(view.paper.paper_protocol)}
    if part.looked_at is not None:
        line["settled_at_seeds"] = part.looked_at
    if part.adjusted_p is not None:
        line["adjusted_p"] = p_number(part.adjusted_p)
    if part.ratio is not None:
        line["ratio"] = round(part.ratio, 6)
    if difference is not None:
        line |= {
            "measured_points": round(difference.value, 4),
            "half_width_95": round(difference.half_width, 4),
            "interval_over": difference.interval_over,
            "seeds": difference.seeds,
            "images": difference.images,
        }
    return line
