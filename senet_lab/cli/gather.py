"""Brings together what reports need: records, published numbers, counts and claims, each read once for all tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.study import Cell, Table
from senet_lab.study.claim import Claim
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.table import plan_runs

if TYPE_CHECKING:
    from senet_lab.report.claims_page import Judged, Page
    from senet_lab.report.load import Loaded
    from senet_lab.report.published import Published
    from senet_lab.report.write import Written

RESULTS = Path("results")


@dataclass(frozen=True, slots=True)
class Material:
    """Some tables with their judged views, one list a table, and what both were made of."""

    tables: Sequence[Table]
    loaded: "Sequence[Loaded]"
    judged: "Sequence[Sequence[Judged]]"
    claims: Sequence[Claim]
    numbers: "list[Published]"
    counts: dict[str, Counts]
    root: Path  # of what is written


def gather(tables: Sequence[Table], claims: Sequence[Claim], results: Path | None) -> Material:
    """The records of the committed results and of another folder, with verdicts. Raises StudyError where a record,
    a plan or a published number cannot be believed."""
    from senet_lab.report.claims_page import judged
    from senet_lab.report.load import COMMITTED, load_all
    from senet_lab.report.published import load_published
    from senet_lab.report.tables import measured_views
    from senet_lab.stats.verdicts import claimed_cells

    roots = [(RESULTS, COMMITTED)]
    if results and results.resolve() != RESULTS.resolve():
        roots.append((results, str(results)))
    loaded, numbers, root = load_all(roots, tables, claims), load_published(catalogue.published_folder()), roots[-1][0]
    views = [measured_views(table, loaded) for table in tables]
    shown = [*tables, *(view.table for of_table in views for view in of_table)]
    cells = {row.cell for table in shown for row in table.rows}
    cells |= {cell for table in shown for cell in claimed_cells(table, claims)}
    counts = recorded_counts(cells, root)
    return Material(
        tables,
        loaded,
        [[judged(view, claims, counts) for view in of_table] for of_table in views],
        claims,
        numbers,
        counts,
        root,
    )


def write_reports(material: Material) -> "list[Written]":
    """The report of every table."""
    from senet_lab.report.write import write_report

    return [
        write_report(table, material.numbers, material.counts, of_table, material.root)
        for table, of_table in zip(material.tables, material.judged, strict=True)
    ]


def write_page(material: Material) -> "Page":
    """The page over all claims."""
    from senet_lab.report.claims_page import write_claims

    return write_claims(
        material.tables, material.judged, material.claims, material.numbers, material.counts, material.root
    )


def write_missing(material: Material) -> Path:
    """What of the wanted study (``ablations/wanted.py``) has no record, with its cost."""
    from senet_lab.report.not_run import not_run_block, write_not_run

    wanted = []
    for protocol, names, seeds in catalogue.wanted():
        tables = [catalogue.table_under(catalogue.find_table(name), protocol) for name in names]
        wanted.append((protocol, ", ".join(names), seeds, plan_runs(tables, seeds)))
    root = material.root
    records = [record for loaded in material.loaded if loaded.store.root == root for record in loaded.records]
    cells = {run.cell for *_, runs in wanted for run in runs} | {record.run.cell for record in records}
    return write_not_run(not_run_block(wanted, records, recorded_counts(cells, root)), root)


def recorded_counts(cells: Iterable[Cell], root: Path) -> dict[str, Counts]:
    """The counts of these networks: from the committed file and that of ``root``, which is given those they lack."""
    from senet_lab.records.complexities import missing_counts, read_counts, write_counts

    own = read_counts(root)
    counts = read_counts(RESULTS) | own
    added = count(missing_counts(cells, counts).values())
    if added:
        write_counts(root, own | added)
    return counts | added


def count(cells: Iterable[Cell]) -> dict[str, Counts]:
    """The counts of these networks, made anew. Raises StudyError for one that cannot be built."""
    cells = list(cells)
    if not cells:
        return {}
    from senet_lab.models.complexity import complexity
    from senet_lab.models.registry import build_model

    counts: dict[str, Counts] = {}
    for cell in cells:
        if network_key(cell) not in counts:
            try:
                model = build_model(cell.backbone, cell.se, cell.protocol.num_classes, device="meta")
            except ValueError as error:
                raise StudyError(str(error)) from None
            counts[network_key(cell)] = complexity(model, cell.protocol.image_size)
    return counts
