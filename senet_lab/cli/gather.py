"""Gathers what reports need: records, published numbers, counts and claims. Each is read once for all tables.

It writes no report. Only new counts of networks are kept, in the cache.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab.cli import catalogue
from senet_lab.cli.network_counts import counts_of
from senet_lab.study import Cell, Run, Table
from senet_lab.study.claim import Claim
from senet_lab.study.counts import Counts

if TYPE_CHECKING:
    from senet_lab.records.cost import CostModel
    from senet_lab.report.comparison import Comparison
    from senet_lab.report.load import Loaded
    from senet_lab.report.published import PublishedTable
    from senet_lab.report.table_report import Report
    from senet_lab.report.views import View
    from senet_lab.stats.verdicts import Judgement

RESULTS = catalogue.RESULTS


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that reports show, and what it was made from.

    reports: one for each table. unrecorded: the tables without a record under the paper's own protocols, with their
    verdicts. counts: parameters and multiply-adds, by network. counted: the part of ``counts`` that no committed file
    has yet. root: the folder that reports are written to.
    """

    loaded: "Sequence[Loaded]"
    reports: "Sequence[Report]"
    unrecorded: "Sequence[tuple[PublishedTable, Judgement]]"
    counts: dict[str, Counts]
    counted: dict[str, Counts]
    root: Path

    @property
    def tables(self) -> list[Table]:
        """The tables as printed."""
        return [report.table for report in self.reports]

    def all_comparisons(self) -> "list[Comparison]":
        """The comparisons of all tables, those with a user's own records first."""
        found = (part.comparison for report in self.reports for part in report.parts)
        return sorted(found, key=lambda one: not one.view.own)


def sources_of(results: Path | None) -> list[tuple[Path, str]]:
    """The folders of records that reports and figures show, each with its source's name: the project's, then
    ``results`` where it is another one."""
    from senet_lab.report.load import PROJECT

    own = [(results, str(results))] if results and results.resolve() != RESULTS.resolve() else []
    return [(RESULTS, PROJECT), *own]


def gather(
    tables: Sequence[Table],
    claims: Sequence[Claim],
    results: Path | None,
    also: Iterable[Cell] = (),
    *,
    allow_fewer: bool = True,
) -> Material:
    """Reads the committed records and those of the folder ``results``, and judges the claims by them.

    also: further cells whose networks are counted. allow_fewer: False for commands that write tables again. Raises
    StudyError for a damaged record, plan or published number. With allow_fewer=False it is also raised where a written
    table shows a run that has no record any more.
    """
    from senet_lab.report.comparison import compare
    from senet_lab.report.load import load_all
    from senet_lab.report.lost_records import refuse_fewer
    from senet_lab.report.published import load_tables
    from senet_lab.report.table_report import report_of
    from senet_lab.report.views import measured_views
    from senet_lab.stats.paired_runs import PairedRuns
    from senet_lab.stats.verdicts import judge

    roots = sources_of(results)
    loaded, root = load_all(roots, tables, claims), roots[-1][0]
    if not allow_fewer:
        refuse_fewer(tables, root, dict.fromkeys((RESULTS, root)))
    published = load_tables(catalogue.published_folder(), tables, claims)
    views = [measured_views(table, loaded) for table in tables]
    cells = set(also) | _counted_cells(tables, [view for of_table in views for view in of_table], claims)
    counts, counted = counts_of(cells, root)
    recorded = [view.table for of_table in views for view in of_table if not view.synthetic]
    return Material(
        loaded,
        [
            report_of(printed, counts, [compare(view, claims, printed, counts) for view in of_table])
            for printed, of_table in zip(published, views, strict=True)
        ],
        [
            (printed, judge(printed.table, claims, PairedRuns(()), counts))
            for printed in published
            if printed.table not in recorded
        ],
        counts,
        counted,
        root,
    )


def _counted_cells(tables: Sequence[Table], views: "Sequence[View]", claims: Sequence[Claim]) -> set[Cell]:
    """The cells whose sizes reports show: those of all rows and claims.

    Of rows under a user's own photos only recorded ones are counted, since not every network takes images that small.
    """
    from senet_lab.stats.families import cells_of_claims

    own = [view for view in views if any(protocol.photos for protocol in view.protocols)]
    whole = [*tables, *(view.table for view in views if view not in own)]
    cells = {cell for table in whole for cell in table.cells}
    cells |= {cell for table in whole for cell in cells_of_claims(table, claims)}
    return cells | {
        row.cell for view in own for row, summary in zip(view.table.rows, view.rows, strict=True) if summary.seeds
    }


def cost_model(runs: Iterable[Run], root: Path) -> "CostModel":
    """A model of what runs cost, from the committed records and those of ``root``. ``not-run.md`` uses the same."""
    from senet_lab.records.cost import CostModel
    from senet_lab.records.store import Store

    places = {place.resolve(): place for place in (RESULTS, root)}  # named in messages as the user names them
    records = [record for place in places.values() for record in Store(place).read_all()]
    recorded = {record.run.cell.key for record in records}
    return CostModel(records, counts_of((r.cell for r in runs if records and r.cell.key not in recorded), root)[0])
