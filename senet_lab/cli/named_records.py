"""Finds records by the key that a user types, and tells which rows and which command a run belongs to."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab.cli import catalogue
from senet_lab.errors import StudyError
from senet_lab.study import Cell, Run, Table

if TYPE_CHECKING:
    from senet_lab.html.runs import Origin
    from senet_lab.records.record import Record
    from senet_lab.records.store import Store

AGAIN = "again"  # the results folder in the command that trains a record again


def records_named(name: str, roots: Iterable[Path]) -> "list[tuple[Store, Record]]":
    """The records whose key begins with the name; KEY/SEED for one seed. Each comes with its store.

    Raises StudyError where no key begins so, and where several do.
    """
    from senet_lab.records.store import Store

    roots = list(roots)
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
        raise StudyError(f"{len(keys)} keys begin with {key!r}: {', '.join(keys[:5])}; give more digits")
    if not found:
        places = " and ".join(map(str, roots))
        raise StudyError(f"no record of {name!r} is in {places}; `senet-lab plan TABLE` prints the keys of a table")
    return found


def origins() -> "Callable[[Run], Origin]":
    """A function that gives for a run its rows in the declared tables, and the command that trains it again."""
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
    """The rows of declared tables that equal this cell, as (table, name of the protocol, row's label)."""
    from senet_lab.study.companions import candidates

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
