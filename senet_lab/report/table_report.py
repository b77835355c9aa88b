"""The report of one table, as pages, files and commands show it: its views, the published numbers and the counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from senet_lab.report.blocks import Block
from senet_lab.report.claims_page import claim_block, claim_lines
from senet_lab.report.comparison import Comparison
from senet_lab.report.published import PublishedTable
from senet_lab.report.render import markdown
from senet_lab.report.table_data import comparison_data, printed_data
from senet_lab.report.tables import comparison_block, published_block
from senet_lab.report.views import title_of
from senet_lab.study.counts import Counts
from senet_lab.study.table import Table


@dataclass(frozen=True, slots=True)
class ReportPart:
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

    parts: tuple[ReportPart, ...]
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
    def kept(self) -> tuple[ReportPart, ...]:
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


def _part(comparison: Comparison) -> ReportPart:
    blocks: tuple[Block, ...] = (comparison_block(comparison),)
    claims = claim_lines([comparison])
    if claims:
        block = claim_block([comparison])
        blocks += (replace(block, title=f"Claims. {block.title}"),)
    return ReportPart(comparison, blocks, claims)
