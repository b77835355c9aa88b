"""Writes the report of one table: Markdown, CSV, LaTeX and figures.

The report without synthetic data goes to ``tables`` and ``figures`` below the results folder; for ``results`` git keeps
them. Where records of synthetic data exist, a second report with them goes to ``demo`` folders. Where a user names
another results folder, everything goes there. So a demonstration never changes the committed tables of a clone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from senet_lab.records.files import replace_file
from senet_lab.report.blocks import Block
from senet_lab.report.claims_page import claim_block, claim_lines, claims_csv, claims_page
from senet_lab.report.comparison import Comparison
from senet_lab.report.export import table_csv, wide_csv
from senet_lab.report.latex import latex, latex_notes
from senet_lab.report.numbers import comparison_data, printed_data
from senet_lab.report.published import PublishedTable
from senet_lab.report.render import markdown
from senet_lab.report.tables import comparison_block, published_block
from senet_lab.report.views import title_of
from senet_lab.study.counts import Counts
from senet_lab.study.table import Table


@dataclass(frozen=True, slots=True)
class Part:
    """One view of a report: its comparison, its blocks (the comparison's first), and its claims as numbers."""

    comparison: Comparison
    blocks: tuple[Block, ...]
    claims: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is reported of a table.

    parts: its views, a user's own first. published: the printed numbers. counts: parameters and multiply-adds, by
    network. counted: the block of both.
    """

    parts: tuple[Part, ...]
    published: PublishedTable
    counts: Mapping[str, Counts]
    counted: Block

    @property
    def table(self) -> Table:
        """The table as printed."""
        return self.published.table

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, in the order of the page."""
        return (*(block for part in self.parts for block in part.blocks), self.counted)

    @property
    def kept(self) -> tuple[Part, ...]:
        """The parts without synthetic data; git keeps them."""
        return tuple(part for part in self.parts if not part.comparison.view.synthetic)

    @property
    def text(self) -> str:
        """The report as Markdown."""
        return markdown(title_of(self.table), self.blocks)

    def as_data(self, paths: Sequence[Path]) -> dict[str, Any]:
        """The report as JSON values, numbers with their units. paths: the files that hold it."""
        return {
            "files": [str(path) for path in paths],
            "table": self.table.name,
            "title": title_of(self.table),
            "published": [{"row": row} | printed_data(printed) for row, printed in self.published.rows.items()],
            "views": [comparison_data(part.comparison) | {"claims": part.claims} for part in self.parts],
        }


def report_of(published: PublishedTable, counts: Mapping[str, Counts], comparisons: Iterable[Comparison]) -> Report:
    """The report of a table from the comparisons of its views."""
    return Report(tuple(map(_part, comparisons)), published, counts, published_block(published, counts))


def _part(comparison: Comparison) -> Part:
    blocks: tuple[Block, ...] = (comparison_block(comparison),)
    claims = claim_lines([comparison])
    if claims:
        block = claim_block([comparison])
        blocks += (replace(block, title=f"Claims. {block.title}"),)
    return Part(comparison, blocks, claims)


def write_report(report: Report, root: Path) -> tuple[Path, ...]:
    """Writes a report below ``root`` and returns its files. Raises OSError where the folder cannot be written."""
    kept = replace(report, parts=report.kept)
    paths = _write(kept, root / "tables", root / "figures")
    if len(report.kept) < len(report.parts):
        paths += _write(report, root / "tables" / "demo", root / "figures" / "demo")
    return tuple(paths)


def _write(report: Report, tables: Path, figures: Path) -> list[Path]:
    table, comparisons = report.table, [part.comparison for part in report.parts]
    title = title_of(table)
    texts = {
        ".md": report.text,
        ".csv": table_csv(report.published, report.counts, comparisons),
        "-wide.csv": wide_csv(report.published, report.counts, comparisons),
        ".tex": latex(title, report.blocks),
        "-notes.tex": latex_notes(report.blocks),
    }
    paths = [tables / f"{table.slug}{suffix}" for suffix in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        replace_file(path, text.encode())
    if comparisons:
        from senet_lab.report.figures import write_figures

        for comparison in (one for one in comparisons if one.view.compares):
            paths += write_figures(comparison, figures)
    return paths


def write_all_forests(reports: Sequence[Report], figures: Path) -> list[Path]:
    """Writes a forest plot over all tables of the paper for each protocol and source, without synthetic data.

    Returns the PNG files.
    """
    from senet_lab.report.forest import write_forest_of_all

    groups: dict[str, list[Comparison]] = {}
    for report in (report for report in reports if report.table.of_the_paper):
        for part in report.kept:
            view = part.comparison.view
            own = f"-{view.loaded.store.root.name}" if view.own else ""
            groups.setdefault(f"forest-{view.name}{own}", []).append(part.comparison)
    paths = [path for name, group in groups.items() for path in write_forest_of_all(group, figures / name)]
    return [path for path in paths if path.suffix == ".png"]


def write_claims(comparisons: Sequence[Comparison], blocks: Sequence[Block], root: Path) -> tuple[Path, ...]:
    """Writes ``claims.md`` (from the blocks) and ``claims.csv`` (from the comparisons) below ``root``."""
    paths = (root / "claims.md", root / "claims.csv")
    for path, content in zip(paths, (claims_page(blocks), claims_csv(comparisons)), strict=True):
        replace_file(path, content.encode())
    return paths
