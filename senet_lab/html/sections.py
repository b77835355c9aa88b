"""The sections of the page as plain values, which the template shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from senet_lab.html import charts
from senet_lab.html.charts import Spec
from senet_lab.html.runs import CellPart, RunPart, cell_name
from senet_lab.html.tables import HtmlTable, html_table
from senet_lab.records.checked_files import csv_text
from senet_lab.report.blocks import Block
from senet_lab.report.check_counts import Figure
from senet_lab.report.comparison import Comparison
from senet_lab.report.csv_tables import table_csv, wide_csv
from senet_lab.report.forest import subtitle
from senet_lab.report.table_report import Report, ReportPart
from senet_lab.report.views import title_of
from senet_lab.report.wording import sentence


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with the sentence below it."""

    name: str
    caption: str
    spec: Spec


@dataclass(frozen=True, slots=True)
class ViewSection:
    """A table under one protocol. name: its id on the page. label: the text on its button."""

    name: str
    label: str
    synthetic: bool
    tables: tuple[HtmlTable, ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class TableSection:
    """One table of the paper: a view for each protocol that measured it, and a last view of published and counted
    numbers. measured: the labels of the measured views."""

    name: str
    title: str
    measured: tuple[str, ...]
    views: tuple[ViewSection, ...]


FOREST = (
    "Measured difference to the baseline with its 95 % interval (filled, coloured by verdict; a square has one seed, "
    "so its dotted interval is over images alone), and the published difference (hollow diamond). Left of zero the row "
    "has the lower {what}."
)
COST = "{words} of every run in a row's mean against what its network costs."
CURVES = "Top-1 error on the evaluation images after every epoch, a line a run."


def table_section(report: Report, runs: Mapping[str, RunPart]) -> TableSection:
    """The section of a report. runs: all runs, by the ids of their parts of the page."""
    slug, title = report.table.slug, title_of(report.table)
    views = [_view(f"{slug}-{place}", part, report, runs) for place, part in enumerate(report.parts, start=1)]
    counted = html_table(report.counted, f"{slug}-counted", title, table_csv(report.published, report.counts, ()))
    measured = tuple(view.label for view in views)
    views.append(ViewSection(f"{slug}-0", "published and counted", False, (counted,), ()))
    return TableSection(slug, title, measured, tuple(views))


def _view(name: str, part: ReportPart, report: Report, runs: Mapping[str, RunPart]) -> ViewSection:
    comparison, (block, *claims) = part.comparison, part.blocks
    view = comparison.view
    recorded = {record.run.cell.key for record in view.records}
    links = [cell_name(view.loaded, row.row.cell) if row.row.cell.key in recorded else "" for row in comparison.rows]
    csv = wide_csv(report.published, [comparison])
    tables = [html_table(block, name, title_of(report.table), csv, links)]
    tables += [block_table(claim, f"{name}-claims-{i}", sortable=False) for i, claim in enumerate(claims)]
    label = f"{'SYNTHETIC DATA, ' if view.synthetic else ''}{view.name}, {view.source}"
    return ViewSection(name, label, view.synthetic, tuple(tables), _charts(name, comparison, runs))


def _charts(name: str, comparison: Comparison, runs: Mapping[str, RunPart]) -> tuple[Chart, ...]:
    view = comparison.view
    drawn = [
        {"row": row.label, "seed": record.run.seed, "curve": part.name}
        for row in view.table.rows
        for record in view.records
        if record.run.cell.key == row.cell.key
        and (part := runs[f"{cell_name(view.loaded, row.cell)}-seed-{record.run.seed}"]).drawn
    ]
    specs = (
        ("forest", FOREST.format(what=view.measure.what), charts.forest([comparison])),
        ("cost", COST.format(words=sentence(view.measure.first.words)), charts.error_against_cost(view)),
        ("curves", CURVES, charts.error_by_epoch(view, drawn)),
    )
    return tuple(Chart(f"{name}-{kind}", caption, spec) for kind, caption, spec in specs if spec is not None)


def block_table(block: Block, name: str, csv: str | None = None, sortable: bool = True) -> HtmlTable:
    """A block as a table of its own. csv: the text that is copied as CSV; None for the cells as they are shown."""
    lines = (dict(zip(block.columns, line, strict=True)) for line in block.lines)
    return html_table(block, name, block.title, csv or csv_text(block.columns, lines), sortable=sortable)


def conformance_block(figures: Iterable[Figure]) -> Block:
    """Every published count beside the computed one."""
    figures = list(figures)
    matched = sum(figure.matched for figure in figures)
    notes = [f"{matched} of {len(figures)} figures match at the printed precision."]
    for convention in dict.fromkeys(figure.convention for figure in figures):
        metrics = dict.fromkeys(figure.metric for figure in figures if figure.convention == convention)
        notes.append(f"{'/'.join(metrics)}: {convention}.")
    lines = tuple(
        (
            f"{one.edition} {one.table} {one.row}",
            one.metric,
            f"{one.published:g}",
            f"{one.computed:.4f}",
            "matched" if one.matched else "open",
            one.note,
        )
        for one in figures
    )
    columns = ("table and row", "metric", "published", "computed", "state", "note")
    return Block("Published counts beside computed ones", columns, lines, tuple(notes), label="conformance")


def forests(reports: Iterable[Report]) -> list[Chart]:
    """One forest plot over all tables of the paper for each protocol and source, without synthetic data.

    The plot with most measured differences comes first.
    """
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for report in (report for report in reports if report.table.of_the_paper):
        for part in report.kept:
            view = part.comparison.view
            words = f"{view.name}, {view.source}", view.measure.what
            groups.setdefault(words, []).append(part.comparison)
    ordered = sorted(groups.items(), key=lambda item: -_measured(item[1]))
    specs = (((f"{subtitle(group)}, {words[0]}"), words[1], charts.forest(group)) for words, group in ordered)
    return [
        Chart(
            f"forest-{place}",
            f"Rows of the paper less their baselines, {words}. {FOREST.format(what=what)}",
            spec,
        )
        for place, (words, what, spec) in enumerate(specs)
        if spec is not None
    ]


def _measured(comparisons: Iterable[Comparison]) -> int:
    """How many differences were measured."""
    return sum(row.difference is not None for one in comparisons for row in one.rows)


def runs_by_name(cells: Iterable[CellPart]) -> dict[str, RunPart]:
    """Every run, by the id of its part of the page."""
    return {run.name: run for cell in cells for run in cell.runs}
