"""What a person opens or follows: ``html``, one page with everything, and ``show``, one record in words."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.commands_report import missing_block, wanted_runs
from senet_lab.cli.gather import RESULTS, Material, gather
from senet_lab.cli.show import print_json, said_if_slow
from senet_lab.errors import StudyError
from senet_lab.study import Cell, Run, Table

if TYPE_CHECKING:
    from senet_lab.html.page import Contents
    from senet_lab.html.runs import Origin
    from senet_lab.records.record import Record
    from senet_lab.records.store import Store

PAGE = "report.html"
AGAIN = "again"  # the folder of results that a command at a record names
RecordName = Annotated[str, typer.Argument(metavar="KEY[/SEED]", help="the key of a cell, or how it begins")]


def html(results: options.Results = None) -> None:
    """Writes results/report.html from records alone: all tables, charts, claims and records in one file that needs no
    network."""
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
    from senet_lab.report.record_facts import facts_text, path_below, record_facts

    found = _records(name, list(dict.fromkeys((RESULTS, results or RESULTS))))
    origin_of, entries, texts = _origins(), [], []
    for store, record in found:
        origin, curve = origin_of(record.run), curve_of(record, store)
        facts = record_facts(record, store)
        entries.append(
            {"facts": [[fact.name, fact.value] for fact in facts], "rows": origin.places, "command": origin.command}
        )
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
    from senet_lab.html.gates import captures
    from senet_lab.html.page import Contents
    from senet_lab.report import check_counts
    from senet_lab.report.claims_page import claim_blocks, open_block

    judged, numbers = material.all_judged(), material.numbers
    notes = check_counts.open_notes(catalogue.published_folder())
    roots = dict.fromkeys((RESULTS, material.root))
    return Contents(
        reports=material.reports(),
        sources=material.loaded,
        judged=judged,
        claims=[*claim_blocks(judged, numbers), open_block(material.unrecorded, numbers)],
        missing=missing_block(material, wanted_runs()),
        figures=check_counts.figures(material.tables, numbers, material.counts, notes),
        gates=[capture for root in roots for capture in captures(root)],
        numbers=numbers,
        counts=material.counts,
        origin_of=_origins(),
    )


def _records(name: str, roots: list[Path]) -> "list[tuple[Store, Record]]":
    """The records whose key begins so, of one key only. Raises StudyError for none, and for several keys."""
    from senet_lab.records.store import Store

    key, _, seed = name.partition("/")
    if not key or (seed and not seed.isdecimal()):
        raise StudyError(f"{name!r} names no record; say the key of a cell, or KEY/SEED, as 3921e1a078fc8242/0")
    found = [
        (Store(root), record)
        for root in roots
        for record in Store(root).read_named(key)
        if not seed or record.run.seed == int(seed)
    ]
    keys = list(dict.fromkeys(record.run.cell.key for _, record in found))
    if len(keys) > 1:
        raise StudyError(f"{len(keys)} keys begin with {key!r}: {', '.join(keys[:5])}; say more of it")
    if not found:
        places = " and ".join(map(str, roots))
        raise StudyError(f"no record of {name!r} is in {places}; `senet-lab plan TABLE` prints the keys of a table")
    return found


def _origins() -> "Callable[[Run], Origin]":
    """Tells of a run in which rows it stands, and how it is trained again."""
    from senet_lab.html.runs import Origin

    known: dict[Cell, list[tuple[Table, str, str]]] = {}
    declared = set(catalogue.protocols())

    def origin_of(run: Run) -> Origin:
        if run.cell not in known:
            known[run.cell] = _places(run.cell)
        places = known[run.cell]
        commands = [
            _command(table, protocol, label, run.seed)
            for table, protocol, label in places
            if protocol == "paper" or run.cell.protocol in declared
        ]
        return Origin(tuple(f"{table.name} {label}" for table, _, label in places), next(iter(commands), None))

    return origin_of


def _places(cell: Cell) -> list[tuple[Table, str, str]]:
    """The rows of declared tables that are this cell, with the name of the protocol that makes them so."""
    from senet_lab.report.load import candidates

    return [
        (table, "paper" if under is table else cell.protocol.name, row.label)
        for table in catalogue.tables()
        for under in candidates(table, [cell.protocol])
        for row in under.rows
        if row.cell == cell
    ]


def _command(table: Table, protocol: str, label: str, seed: int) -> str:
    words = ["senet-lab", "train", table.name, "--protocol", protocol, "--row", label]
    return shlex.join([*words, "--seeds", str(seed + 1), "--results", AGAIN])
