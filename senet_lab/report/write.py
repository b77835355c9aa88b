"""Writes the report of one table: Markdown, CSV, LaTeX and figures.

The report without synthetic data goes to ``tables`` and ``figures`` below the results folder; for ``results`` git keeps
them. Where records of synthetic data exist, a second report with them goes to ``demo`` folders. Where a user names
another results folder, everything goes there. So a demonstration never changes the committed tables of a clone.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from senet_lab.records.files import replace_file
from senet_lab.report.blocks import Block
from senet_lab.report.claims_page import claims_csv, claims_page
from senet_lab.report.comparison import Comparison
from senet_lab.report.csv_tables import table_csv, wide_csv
from senet_lab.report.latex import latex, latex_notes
from senet_lab.report.table_report import Report
from senet_lab.report.views import title_of


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
        "-wide.csv": wide_csv(report.published, comparisons),
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
