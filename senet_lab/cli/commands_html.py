"""``html`` writes one page with all results; ``show`` prints one record in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.commands_report import missing_blocks, wanted_runs
from senet_lab.cli.gather import RESULTS, Material, gather, sources_of
from senet_lab.cli.named_records import origins, records_named
from senet_lab.cli.printing import print_json, said_if_slow

if TYPE_CHECKING:
    from senet_lab.html.page import Contents

PAGE = "report.html"
RecordName = Annotated[str, typer.Argument(metavar="KEY[/SEED]", help="the key of a cell, or its first digits")]


def html(results: options.Results = None) -> None:
    """Writes results/report.html from records alone: all tables, charts, claims and records in one file.

    The page loads nothing from the Internet.
    """
    from senet_lab.html.page import html_of, page_of
    from senet_lab.records.files import replace_file

    with said_if_slow("making the page from the records of all tables"):
        material = _material(results)
        text = html_of(page_of(_contents(material)))
        path = material.root / PAGE
        replace_file(path, text.encode())
    print(f"{path}: {len(text.encode()) / 1e6:.1f} MB; open it in a browser")


def show(name: RecordName, results: options.Results = None, as_json: options.AsJson = False) -> None:
    """Prints a record in words: what was trained and measured, where and how, and the command that trains it again."""
    from senet_lab.records.curves import curve_of
    from senet_lab.report.record_data import record_data
    from senet_lab.report.record_facts import facts_text, path_below, record_facts

    found = records_named(name, [root for root, _ in sources_of(results)])
    origin_of, entries, texts = origins(), [], []
    for store, record in found:
        origin, curve = origin_of(record.run), curve_of(record, store)
        facts = record_facts(record, store)
        entries.append(record_data(record, store) | {"rows": origin.places, "command": origin.command})
        lines = [facts_text(facts)]
        lines += [f"rows: {', '.join(origin.places)}"] if origin.places else []
        lines += [f"curve: {len(curve)} epochs, {path_below(store, record, 'curve')}"] if curve else []
        lines += [f"to train it again: {origin.command}"] if origin.command else []
        texts.append("\n".join(lines))
    print_json(entries) if as_json else print("\n\n".join(texts))


def _material(results: Path | None) -> Material:
    wanted = wanted_runs()
    return gather(catalogue.tables(), catalogue.claims(), results, {run.cell for *_, runs in wanted for run in runs})


def _contents(material: Material) -> "Contents":
    from senet_lab.excitations.card import card_from
    from senet_lab.html.gates import captures
    from senet_lab.html.page import Contents
    from senet_lab.report import check_counts
    from senet_lab.report.claims_page import claim_blocks, open_block
    from senet_lab.report.speed import speed_blocks

    comparisons = material.all_comparisons()
    notes = check_counts.open_notes(catalogue.published_folder())
    roots = dict.fromkeys((RESULTS, material.root))
    return Contents(
        reports=material.reports,
        sources=material.loaded,
        comparisons=comparisons,
        claims=[*claim_blocks(comparisons), open_block(material.unrecorded)],
        missing=missing_blocks(material, wanted_runs()),
        figures=check_counts.figures([report.published for report in material.reports], material.counts, notes),
        speed=speed_blocks(RESULTS / "benchmarks"),
        gates=[one for root in roots for one in captures(root, lambda card: card_from(card).heading)],
        origin_of=origins(),
    )
