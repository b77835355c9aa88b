"""The generated parts of README.md and results/README.md, each between two markers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from senet_lab.records.checked_files import read_text
from senet_lab.records.files import replace_file
from senet_lab.report.blocks import Block
from senet_lab.report.claims_page import measured_title
from senet_lab.report.comparison import DIRECTIONS, ComparedRow, Comparison
from senet_lab.report.p_values import adjusted_text, p_text
from senet_lab.report.render import block_markdown, plain
from senet_lab.report.table_report import Report, ReportPart
from senet_lab.report.views import View, dataset_name, title_of
from senet_lab.report.wording import OTHER_COMPARISONS, difference_text
from senet_lab.stats.verdicts import ClaimResult, Judgement, Verdict, columns_of

FRONT = "cvpr2018-table7"  # the table that the front page shows where several have as many seeds
Tested = tuple[Comparison, ComparedRow]


def write_readmes(
    readme: Path,
    results: Path,
    reports: Sequence[Report],
    forests: Sequence[Path],
    claims: Sequence[Block],
    comparisons: Sequence[Comparison],
) -> None:
    """Writes the generated parts of both pages.

    The front page gets the decided comparisons, the forest plots, one table and the number of verdicts;
    ``results``/README.md an index of all tables. Plots of longer schedules come first.
    """
    shown = _front_parts(reports)
    stems = [f"forest-{part.comparison.view.name}" for part in shown]
    seen = {f"forest-{one.view.name}": one.view.images_seen for one in comparisons}
    forests = sorted(forests, key=lambda path: -seen.get(path.stem, 0))
    pictures = _pictures([path for path in forests if path.stem in stems], results.name)
    put_sections(readme, "results", [_decided(comparisons), *pictures, *_front(shown, results.name)])
    put_sections(readme, "claims", [block_markdown(verdicts_block(comparisons), level=3), _more(results.name)])
    put_sections(results / "README.md", "index", [*_pictures(forests, ""), index(reports)])


def _decided(comparisons: Sequence[Comparison]) -> str:
    """The rows that a test puts above or below their baselines, and those that it leaves open.

    Those of the paper's tables, and of this project's own experiments where a plan chose the number of seeds.
    """
    tested = [
        (one, row)
        for one in comparisons
        if (one.view.paper.of_the_paper or one.judgement.plan) and not one.view.synthetic
        for row in one.rows
        if row.baseline and row.difference and row.difference.seeds > 1
    ]
    groups: dict[tuple[object, ...], list[Tested]] = {}
    for one, row in tested:
        groups.setdefault(row.result.runs if row.result else (), []).append((one, row))
    decided = [found for found in groups.values() if any(_is_decided(row) for _, row in found)]
    undecided = [pair for found in groups.values() if found not in decided for pair in found]
    begin = "What tests decide so far:\n\n" if decided else "No test decides a comparison so far.\n"
    shown = [pair for pair in undecided if pair[0].view.paper.of_the_paper]
    return "".join([begin, *map(_decision, decided), *_open(shown)])


def _is_decided(row: ComparedRow) -> bool:
    return row.direction in DIRECTIONS.values()


def _decision(found: Sequence[Tested]) -> str:
    """One comparison in words. found: the tables that make it with the same runs, of which at least one decides it.

    Those that decide it go first, and of these one whose seeds a plan chose.
    """
    (one, row), *others = sorted(found, key=lambda pair: (not _is_decided(pair[1]), pair[0].judgement.plan is None))
    assert row.baseline
    assert row.difference
    assert row.result
    also = "".join(
        f" The same runs {'stand' if _is_decided(same) else 'leave it undecided'} in {other.view.paper.name} "
        f"(p {p_text(same.adjusted_p)} there{'' if _published(one, row) else _published(other, same)})."
        for other, same in others
    )
    return (
        f"- **{row.row.label} has a {row.direction} {one.view.measure.first.words} than {row.baseline.label}** "
        f"({one.view.paper.name}; {one.view.name}: {_lengths(one.view)}; {', '.join(one.view.networks)}): "
        f"{difference_text(row.difference)} points over {row.difference.seeds} seeds{_before(one, row)}, "
        f"p {p_text(row.adjusted_p)} after Holm's adjustment for "
        f"{adjusted_text(row.result, one.judgement.comparisons)}{_published(one, row)}. "
        f"{_chosen(one.judgement)}{also}\n"
    )


def _lengths(view: View) -> str:
    """How long the networks were trained on what, in words."""
    return ", ".join(dict.fromkeys(f"{p.epochs} epochs of {dataset_name(p)}" for p in view.protocols))


def _before(one: Comparison, row: ComparedRow) -> str:
    """How many of a difference's seeds are from before its plan, in words."""
    plan, runs = one.judgement.plan, row.result.runs if row.result else ()
    early = {run.seed for run in runs if plan and run.seed < plan.first_seed}
    return f" ({len(early)} from before the plan, in the interval alone)" if early else ""


def _open(tested: Sequence[Tested]) -> Iterator[str]:
    """The undecided rows by the protocol that sees most training images. A pair of cells that several tables have
    stands once."""
    name = max((one.view for one, _ in tested), key=lambda view: view.images_seen).name if tested else ""
    found = {
        (row.row.cell.key, row.baseline.cell.key): f"{row.row.label} against {row.baseline.label} "
        f"{difference_text(row.difference)} ({one.view.paper.name}, {row.difference.seeds} seeds)"
        for one, row in reversed(tested)
        if row.baseline and row.difference and one.view.name == name
    }
    if found:
        listed = "; ".join(reversed(found.values()))
        yield f"\nTested and undecided in the paper's tables under {name}, in points with 95 % intervals: {listed}.\n"


def _published(one: Comparison, row: ComparedRow) -> str:
    if row.published_points is None:
        return ""
    return f"; published {row.published_points:+.2f} on {dataset_name(one.view.paper.paper_protocol)}"


def _chosen(judgement: Judgement) -> str:
    """How the number of seeds was chosen, in words."""
    if judgement.plan:
        return "A plan chose the number of seeds." + f" {OTHER_COMPARISONS}" * (not judgement.plan_fits)
    return "No plan records how the number of seeds was chosen: see the limits below."


def _pictures(paths: Sequence[Path], folder: str) -> list[str]:
    prefix = f"{folder}/" if folder else ""
    return [f"![{path.stem}]({prefix}figures/{path.name})\n" for path in paths]


def _front_parts(reports: Sequence[Report]) -> list[ReportPart]:
    """The parts of reports that the front page shows.

    This is one table of the paper that has measured every row: by the protocol that sees most training images, and
    among its tables the one with most seeds in every row, then with most rows. If there is none, these are all parts of
    FRONT's report with at least two measured rows.
    """
    parts = [part for report in reports if report.table.of_the_paper for part in report.kept]
    whole = [part for part in parts if all(row.seeds for row in part.comparison.view.rows)]
    if not whole:
        views = ((part, part.comparison.view) for part in parts)
        return [part for part, view in views if view.compares and view.paper.slug == FRONT]
    return [max(whole, key=lambda part: _worth(part.comparison.view))]


def _worth(view: View) -> tuple[int, int, bool, int]:
    """What the front page prefers: training images, seeds in every row, FRONT, rows."""
    seeds = min(len(row.compared) for row in view.rows)
    return view.images_seen, seeds, view.paper.slug == FRONT, len(view.rows)


def _front(parts: Sequence[ReportPart], folder: str) -> list[str]:
    lines = [f"### {plain(title_of(parts[0].comparison.view.paper))}\n"] if parts else []
    lines += [block_markdown(part.blocks[0].for_paper(), level=4, folded=True) for part in parts]
    return [*lines, f"All tables: [{folder}/README.md]({folder}/README.md).\n"]


def _more(folder: str) -> str:
    return f"Statement by statement: [{folder}/claims.md]({folder}/claims.md).\n"


def verdicts_block(comparisons: Sequence[Comparison]) -> Block:
    """How many claims about the paper's tables have each verdict, a line for each protocol and source."""
    results: dict[str, list[ClaimResult]] = {}
    for one in comparisons:
        if one.view.paper.of_the_paper and not one.view.synthetic and one.judgement.claims:
            results.setdefault(measured_title(one.view), []).extend(one.judgement.claims)
    tested = {title: [one.verdict for one in found if not one.counted] for title, found in results.items()}
    columns = columns_of([verdict for found in tested.values() for verdict in found])
    lines = tuple(
        (
            title,
            *(str(found.count(verdict)) for verdict in columns),
            str(len(found)),
            _of_counted([one for one in results[title] if one.counted]),
        )
        for title, found in tested.items()
    )
    headings = ("records", *(verdict.value for verdict in columns), "claims", "only counted")
    notes = [
        "Only counted: claims about parameters and multiply-adds, which follow from the networks without training.",
    ]
    if any(one.judgement.claims and not one.view.paper.of_the_paper for one in comparisons):
        notes.append("Claims about tables that the paper does not print stand on the page of claims alone.")
    return Block("Claims by verdict", headings, lines, tuple(notes))


def _of_counted(results: Sequence[ClaimResult]) -> str:
    """How many of the claims that are only counted hold, of those whose networks were trained."""
    known = [one.verdict for one in results if one.verdict is not Verdict.NOT_RUN]
    return f"{known.count(Verdict.SUPPORTED)} of {len(known)} hold" if known else "–"


def index(reports: Sequence[Report]) -> str:
    """The index: for each table a line with the protocols that measured it, and links to its files."""
    lines = ["| table | measured under | files | figures |", "|---|---|---|---|"]
    for report in reports:
        slug = report.table.slug
        measured = ", ".join(dict.fromkeys(_measured_under(part.comparison.view) for part in report.kept)) or "not yet"
        files = " ".join(
            f"[{name}](tables/{slug}{suffix})"
            for name, suffix in (("page", ".md"), ("CSV", ".csv"), ("wide CSV", "-wide.csv"), ("LaTeX", ".tex"))
        )
        forests = " ".join(
            f"[{part.comparison.view.name}](figures/{slug}-{part.comparison.view.name}-forest.png)"
            for part in report.kept
            if any(row.difference for row in part.comparison.rows) and not part.comparison.view.own
        )
        lines.append(f"| {plain(title_of(report.table)).replace('|', ' ')} | {measured} | {files} | {forests} |")
    return "\n".join(lines) + "\n"


def _measured_under(view: View) -> str:
    return view.name if view.compares else f"{view.name} (one row)"


def put_sections(readme: Path, name: str, sections: Sequence[str]) -> bool:
    """Replaces the text between ``<!-- name -->`` and ``<!-- /name -->``. Returns False where the page lacks them."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    try:
        text = read_text(readme, "restore it from git")
    except FileNotFoundError:
        return False
    head, found_begin, rest = text.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        return False
    body = "\n".join(sections) if sections else "Nothing yet.\n"
    replace_file(readme, f"{head}{begin}\n{body}{end}{tail}".encode())
    return True
