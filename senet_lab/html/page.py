"""Makes the page: its values, template, style, script, the charts' data and Vega-Lite become one file.

Nothing in it depends on the clock or the machine: the same records give the same bytes.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from senet_lab.html import charts
from senet_lab.html.gates import Gates
from senet_lab.html.runs import CellPart, Origin, cell_parts
from senet_lab.html.sections import (
    Chart,
    TableSection,
    block_table,
    conformance_block,
    forests,
    runs_by_name,
    table_section,
)
from senet_lab.html.tables import HtmlTable
from senet_lab.report.blocks import Block
from senet_lab.report.check_counts import Figure
from senet_lab.report.claims_page import claims_csv, measured_title
from senet_lab.report.comparison import Comparison
from senet_lab.report.load import Loaded
from senet_lab.report.readme import verdicts_block
from senet_lab.report.table_report import Report
from senet_lab.study.cell import Run

FOLDER = Path(__file__).parent
HTML_IN_JSON = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that the page is made from.

    claims: the blocks of the claims page. missing: the runs of the wanted study that are not recorded. figures: the
    published counts beside the computed ones. speed: the tables of benchmarks. gates: the captured excitations.
    origin_of: gives the rows and the command of a run.
    """

    reports: Sequence[Report]
    sources: Sequence[Loaded]
    comparisons: Sequence[Comparison]
    claims: Sequence[Block]
    missing: Sequence[Block]
    figures: Sequence[Figure]
    speed: Sequence[Block]
    gates: Sequence[Gates]
    origin_of: Callable[[Run], Origin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The parts of the page, by the names that the template uses."""

    tables: Sequence[TableSection]
    cells: Sequence[CellPart]
    forests: Sequence[Chart]
    claims: Sequence[HtmlTable]
    verdicts: HtmlTable
    missing: tuple[HtmlTable, ...]
    conformance: HtmlTable
    speed: Sequence[HtmlTable]
    gates: Sequence[Gates]

    @property
    def all_tables(self) -> list[HtmlTable]:
        """Every table that can be copied."""
        of_sections = [table for section in self.tables for view in section.views for table in view.tables]
        return [*of_sections, *self.claims, self.verdicts, *self.missing, self.conformance, *self.speed]

    @property
    def all_charts(self) -> list[Chart]:
        """Every chart with data of its own."""
        found = [*self.forests, *(chart for s in self.tables for view in s.views for chart in view.charts)]
        for place, one in enumerate(self.gates):
            found += [Chart(f"gates-{place}-means", "", one.means), Chart(f"gates-{place}-spread", "", one.spread)]
        return found

    def data(self) -> dict[str, object]:
        """The data that the script reads: charts, curves, texts to copy."""
        runs = runs_by_name(self.cells).values()
        return {
            "charts": {chart.name: chart.spec for chart in self.all_charts},
            "curve": charts.one_curve(),
            "curves": {run.name: run.points() for run in runs if run.drawn},
            "copies": {table.name: table.copies for table in self.all_tables},
        }


def page_of(contents: Contents) -> Page:
    """The parts of the page. Raises StudyError for a curve that does not belong to its record."""
    cells = cell_parts(contents.sources, contents.origin_of)
    runs = runs_by_name(cells)
    claims = [
        block_table(block, f"claims-{place}", _claims_csv(block, contents), sortable=False)
        for place, block in enumerate(contents.claims)
    ]
    return Page(
        tables=[table_section(report, runs) for report in contents.reports],
        cells=cells,
        forests=forests(contents.reports),
        claims=claims,
        verdicts=block_table(verdicts_block(contents.comparisons), "verdicts"),
        missing=tuple(
            block_table(block, f"not-run-table{f'-{place}' * (place > 0)}")
            for place, block in enumerate(contents.missing)
        ),
        conformance=block_table(conformance_block(contents.figures), "conformance-table"),
        speed=[block_table(block, f"speed-{place}") for place, block in enumerate(contents.speed)],
        gates=contents.gates,
    )


def html_of(page: Page) -> str:
    """The whole file as text. It needs the packages of the extra ``html``."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html").render(
        page=page,
        style=(FOLDER / "style.css").read_text(encoding="utf-8"),
        script=(FOLDER / "page.js").read_text(encoding="utf-8"),
        data=json_for_html(page.data()),
        vega=vega(),
    )


def json_for_html(value: object) -> str:
    """JSON that is safe inside a script element: no text in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character, escape in HTML_IN_JSON.items():
        text = text.replace(character, escape)
    return text


@cache
def vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script, from the installed package."""
    import vl_convert

    script = vl_convert.javascript_bundle()  # type: ignore[call-arg, unused-ignore]  # its stub asks for what may be left out
    assert "</script" not in script.lower()
    return script


def _claims_csv(block: Block, contents: Contents) -> str | None:
    shown = [one for one in contents.comparisons if measured_title(one.view) == block.title and not one.view.synthetic]
    return claims_csv(shown) if shown else None
