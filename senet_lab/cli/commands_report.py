"""Commands that report from records alone: ``report``, ``report-all``, ``claims`` and ``conform``."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS, Material, gather
from senet_lab.cli.network_counts import count, keep_counts
from senet_lab.cli.own_code import warn_of_records
from senet_lab.cli.printing import print_json, print_report, said_if_slow, say_what_git_lacks, written
from senet_lab.cli.studies import table_under
from senet_lab.errors import StudyError
from senet_lab.study import Table
from senet_lab.study.cell import runs_of
from senet_lab.study.claim import Claim

if TYPE_CHECKING:
    from senet_lab.records.cost import CostModel
    from senet_lab.report.blocks import Block
    from senet_lab.report.check_counts import Figure
    from senet_lab.report.not_run import Wanted


Columns = Annotated[
    str | None, typer.Option("--columns", help="print these columns of the comparison: row,published,measured,...")
]
AllowFewer = Annotated[
    bool, typer.Option("--allow-fewer", help="go on even if runs that the tables show have lost their records")
]
AsLatex = Annotated[bool, typer.Option("--latex", help="print LaTeX")]


def report(
    table: options.TableName,
    results: options.Results = None,
    columns: Columns = None,
    as_latex: AsLatex = False,
    no_title: options.NoTitle = False,
    width: options.Width = options.WidthName.TWO,
    allow_fewer: AllowFewer = False,
    as_json: options.AsJson = False,
) -> None:
    """Prints a table from records alone, and writes results/tables and results/figures.

    --columns and --latex choose what is printed; the files that are written have all columns.
    """
    if as_json and (as_latex or columns):
        raise StudyError(f"--json prints everything as JSON; leave {'--latex' if as_latex else '--columns'} out")
    found, claims = catalogue.find_with_claims(table)
    report_table(
        found,
        claims,
        results,
        as_json,
        columns.split(",") if columns else None,
        as_latex,
        (not no_title, width),
        allow_fewer,
    )


def report_table(
    table: Table,
    claims: Sequence[Claim],
    results: Path | None,
    as_json: bool,
    columns: Sequence[str] | None = None,
    as_latex: bool = False,
    figures: tuple[bool, options.WidthName] = (True, options.WidthName.TWO),
    allow_fewer: bool = False,
) -> None:
    """Does the work of ``report``; other commands call it when they are done.

    figures: whether figures have titles, and their width.
    """
    from senet_lab.report.latex import latex
    from senet_lab.report.picture import Layout, laid_out
    from senet_lab.report.render import markdown
    from senet_lab.report.tables import NAMES
    from senet_lab.report.views import title_of
    from senet_lab.report.write import write_report

    if unknown := [name for name in columns or () if name not in NAMES]:
        raise StudyError(f"no column is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    titled, width = figures
    layout = Layout(titled, width is options.WidthName.ONE)
    with laid_out(layout), said_if_slow(f"{table.name}: reading records, drawing figures"):
        material = gather([table], claims, results, allow_fewer=allow_fewer)
        warn_of_records(record for loaded in material.loaded for record in loaded.records)
        (found,) = material.reports
        blocks = [block.only(columns) if columns and block.names else block for block in found.blocks]
        paths, fault = written(lambda: write_report(found, material.root))
    say_what_git_lacks(RESULTS)
    if as_json:
        print_json(found.as_data(paths))
    else:
        print_report(latex(title_of(table), blocks) if as_latex else markdown(title_of(table), blocks), paths)
    if fault:
        raise fault


def report_all(results: options.Results = None, allow_fewer: AllowFewer = False) -> None:
    """Rebuilds all results from the records alone.

    These are every table and figure, the pages of released weights, the networks' counts, and the generated parts of
    README.md and results/README.md.
    """
    from senet_lab.cli.evaluated import write_released
    from senet_lab.records.evaluation import read_all
    from senet_lab.report.figure_savers import saved_side_by_side
    from senet_lab.report.readme import write_readmes
    from senet_lab.report.write import write_all_forests, write_claims, write_report

    wanted = wanted_runs()
    also = {run.cell for *_, runs in wanted for run in runs}
    material = gather(catalogue.tables(), catalogue.claims(), results, also, allow_fewer=allow_fewer)
    keep_counts(material.counted, material.root)
    reports, evaluated = material.reports, read_all(material.root)
    with saved_side_by_side():
        for found in reports:
            with said_if_slow(f"{found.table.name}: writing tables and figures"):
                write_report(found, material.root)
            write_released(found.published, material.root, evaluated)
        forests = write_all_forests(reports, material.root / "figures")
    blocks = _claim_blocks(material)
    write_claims(material.all_comparisons(), blocks, material.root)
    _write_missing(material, wanted)
    _write_artifact(material)
    if results is None:
        write_readmes(Path("README.md"), RESULTS, reports, forests, blocks, material.all_comparisons())


def claims(results: options.Results = None, allow_fewer: AllowFewer = False, as_json: options.AsJson = False) -> None:
    """Prints all claims of the paper with their verdicts, from records alone. Writes results/claims.*."""
    from senet_lab.report.claims_page import claim_lines, claims_page
    from senet_lab.report.write import write_claims

    with said_if_slow("reading the records of all tables"):
        material = gather(catalogue.tables(), catalogue.claims(), results, allow_fewer=allow_fewer)
        comparisons, blocks = material.all_comparisons(), _claim_blocks(material)
        paths, fault = written(lambda: write_claims(comparisons, blocks, material.root))
    if as_json:
        lines = claim_lines(comparisons)
        print_json({"files": [str(path) for path in paths], "unit": "percentage points", "parts": lines})
    else:
        print_report(claims_page(blocks), paths)
    if fault:
        raise fault


def _claim_blocks(material: Material) -> "list[Block]":
    from senet_lab.report.claims_page import claim_blocks, open_block

    return [*claim_blocks(material.all_comparisons()), open_block(material.unrecorded)]


def wanted_runs() -> "list[Wanted]":
    """The runs of the wanted study (``ablations/wanted.py``), protocol by protocol."""
    found: list[Wanted] = []
    for protocol, names, seeds in catalogue.wanted():
        cells = [cell for name in names for cell in table_under(catalogue.find_table(name), protocol).cells]
        found.append((protocol, ", ".join(names), seeds, runs_of(cells, seeds)))
    return found


def _write_missing(material: Material, wanted: "list[Wanted]") -> None:
    from senet_lab.report.not_run import write_not_run

    write_not_run(missing_blocks(material, wanted), material.root)


def _write_artifact(material: Material) -> None:
    from senet_lab.cli.memory_needs import memory_of
    from senet_lab.report.artifact import artifact_blocks, write_artifact
    from senet_lab.report.artifact_commands import AppendixInputs

    comparisons = material.all_comparisons()
    cells = {cell for one in comparisons if not one.view.synthetic for cell in one.view.table.cells}
    inputs = AppendixInputs(plan_model(material), memory_of(cells, material.root), catalogue.protocols())
    write_artifact(artifact_blocks(material.tables, comparisons, inputs, material.root), material.root)


def plan_model(material: Material) -> "CostModel":
    """The model of what runs cost that plans use, from all records at hand."""
    from senet_lab.records.cost import CostModel

    return CostModel((record for loaded in material.loaded for record in loaded.records), material.counts)


def missing_blocks(material: Material, wanted: "list[Wanted]") -> "list[Block]":
    """The runs of the wanted study that have no record in the folder that is written to, and what they would cost.

    A second block lists them by row, for tables of which a part is recorded.
    """
    from senet_lab.report.not_run import not_run_block, rows_block

    records = [record for loaded in material.loaded if loaded.store.root == material.root for record in loaded.records]
    tables = [
        (table_under(catalogue.find_table(name), protocol), seeds)
        for protocol, names, seeds in catalogue.wanted()
        for name in names
    ]
    rows = rows_block(tables, records)
    return [not_run_block(wanted, records, plan_model(material)), *([rows] if rows.lines else [])]


def conform(table: options.AnyTableName = None, as_json: options.AsJson = False) -> None:
    """Compares every computed parameter and multiply-add count with the published one.

    Exit status 1 where a count differs that is not listed as a known difference (ablations/published/open.csv).
    """
    from senet_lab.report import check_counts
    from senet_lab.report.published import load_tables

    tables = catalogue.tables() if table is None else [catalogue.find_table(table)]
    folder = catalogue.published_folder()
    notes = check_counts.open_notes(folder)
    counts = count({cell for t in tables for cell in t.cells})
    found = check_counts.figures(load_tables(folder, tables), counts, notes)
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
