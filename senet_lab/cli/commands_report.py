"""What is printed and written from records alone: ``report``, ``report-all``, ``claims`` and ``conform``."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import count, gather, write_missing, write_page, write_reports
from senet_lab.cli.show import print_json, print_report

if TYPE_CHECKING:
    from senet_lab.report.check_counts import Figure


def report(table: options.TableName, results: options.Results = None, as_json: options.AsJson = False) -> None:
    """Prints a table from records alone, and writes results/tables and results/figures."""
    report_table(table, results, as_json)


def report_table(name: str, results: Path | None, as_json: bool) -> None:
    """What ``report`` does, for commands that report when they are done."""
    table, claims = catalogue.find_table(name), catalogue.find_claims(name)
    (written,) = write_reports(gather([table], claims, results))
    print_json(written.as_data()) if as_json else print_report(written.text, written.paths)


def report_all(results: options.Results = None) -> None:
    """Rebuilds every table and figure, and the README's section of results, from the records alone."""
    from senet_lab.report.readme import put_sections, section
    from senet_lab.report.render import block_markdown
    from senet_lab.report.tables import title_of

    material = gather(catalogue.tables(), catalogue.claims(), results)
    sections = []
    for table, written in zip(material.tables, write_reports(material), strict=True):
        if written.kept:
            figures = [path for path in written.paths if path.suffix == ".png" and "demo" not in path.parts]
            sections.append(section(title_of(table), table.slug, written.kept, figures))
    page = write_page(material)
    write_missing(material)
    if results is None:
        put_sections(Path("README.md"), "results", sections)
        put_sections(Path("README.md"), "claims", [block_markdown(block, level=3) for block in page.measured])


def claims(results: options.Results = None, as_json: options.AsJson = False) -> None:
    """Prints one page over all claims of the paper with their verdicts, from records alone; writes results/claims.*."""
    page = write_page(gather(catalogue.tables(), catalogue.claims(), results))
    if as_json:
        print_json({"files": [str(path) for path in page.paths], "blocks": [asdict(b) for b in page.measured]})
        return
    print_report(page.text, page.paths)


def conform(table: options.AnyTableName = None, as_json: options.AsJson = False) -> None:
    """Compares every computed parameter and multiply-add count with the published one.

    Exit status 1 where a figure does not match that is not among the known open ones.
    """
    from senet_lab.report import check_counts
    from senet_lab.report.published import load_published

    tables = catalogue.tables() if table is None else [catalogue.find_table(table)]
    folder = catalogue.published_folder()
    notes = check_counts.open_notes(folder)
    counts = count({row.cell for t in tables for row in t.rows})
    found = check_counts.figures(tables, load_published(folder), counts, notes)
    regressed = check_counts.regressions(found, notes)
    print_json([asdict(figure) for figure in found]) if as_json else _print_figures(found)
    for figure in regressed:
        print(f"no longer matches: {check_counts.figure_name(figure)}", file=sys.stderr)
    raise typer.Exit(1 if regressed else 0)


def _print_figures(found: "Sequence[Figure]") -> None:
    for convention in dict.fromkeys(figure.convention for figure in found):
        print(f"{'/'.join(dict.fromkeys(f.metric for f in found if f.convention == convention))}: {convention}")
    for figure in found:
        state = "matched" if figure.matched else "open"
        name = f"{figure.edition} {figure.table:4} {figure.row:28} {figure.metric:7}"
        print(
            f"{name} published {figure.published:8g}  computed {figure.computed:10.4f}  {state}  {figure.note}".rstrip()
        )
    matched = sum(figure.matched for figure in found)
    print(f"{matched} of {len(found)} figures match at the printed precision")
