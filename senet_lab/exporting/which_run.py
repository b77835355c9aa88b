"""Finds the recorded run that a user names: by a row of a table, by a cell's key, or by the file of its weights."""

import json
import shlex
from pathlib import Path

from safetensors import SafetensorError, safe_open

from senet_lab.cli import catalogue
from senet_lab.cli.studies import find_row, table_under
from senet_lab.errors import INVALID, StudyError
from senet_lab.extensions import own_protocols
from senet_lab.records.reading import is_file
from senet_lab.records.store import RECORD_NAME, Store
from senet_lab.study import Run, Table
from senet_lab.training.final_weights import weights_path


def run_of_row(source: str, seed: int, protocol: str | None, store: Store) -> Run:
    """The run of ``TABLE:ROW`` under a protocol; for None, under the protocol whose weights are in the store.

    Raises StudyError for an unknown row. Without a protocol it also does so where the store has weights of no protocol
    or of several.
    """
    name, _, label = source.partition(":")
    paper = catalogue.find_table(name)
    find_row(paper, label)
    if protocol is not None:
        return Run(cell=table_under(paper, protocol).row(label).cell, seed=seed)
    runs = [Run(cell=table.row(label).cell, seed=seed) for table in _under_all(paper, store)]
    here = {run.cell.key: run for run in runs if is_file(weights_path(run, store))}
    if len(here) == 1:
        return next(iter(here.values()))
    if not here:
        # Where the run is recorded and its weights are elsewhere, it is trained again in another folder alone.
        elsewhere = any(store.has_record(run) for run in runs)
        folder = "mine" if elsewhere else shlex.quote(str(store.root))
        raise StudyError(
            f"{store.root} has no weights of {source} seed {seed}: they stay where a run was trained, and "
            f"senet-lab train {shlex.quote(name)} --row {shlex.quote(label)} --protocol NAME --seeds {seed + 1} "
            f"--results {folder} trains it{f'; then say --results {folder}' * elsewhere}"
        )
    names = ", ".join(sorted({run.cell.protocol.name for run in here.values()}))
    raise StudyError(f"{store.root} has weights of {source} seed {seed} under several protocols ({names}); name one")


def _under_all(paper: Table, store: Store) -> list[Table]:
    """The table under every declared protocol and every one that has records, as those on a user's own photos."""
    from senet_lab.study.companions import candidates

    found = [paper, *candidates(paper, store.protocols())]
    for protocol in (*catalogue.protocols(), *own_protocols()):
        try:
            found.append(table_under(paper, protocol.name))
        except StudyError:  # this table has no network for that protocol's images
            continue
    return found


def run_of_key(key: str, seed: int, store: Store) -> Run:
    """The recorded run of a cell's key and a seed. Raises StudyError where there is no such record."""
    seeds = []
    for path in store.record_files():
        if path.parent.name == key and (found := RECORD_NAME.fullmatch(path.name)):
            seeds.append(int(found[1]))
            if seeds[-1] == seed:
                return store.read_file(path).run
    if seeds:
        raise StudyError(f"{key} is recorded with seed {', '.join(map(str, sorted(seeds)))}, not with seed {seed}")
    raise StudyError(f"{store.root} has no record of the cell {key}")


def run_of_card(path: Path, store: Store) -> tuple[Run, Store] | None:
    """The recorded run that a file of final weights names, and the store of its record; None for any other file.

    The store is the one in which the file lies, otherwise ``store``. Raises StudyError where the run is not recorded
    there, or where the weights there are not this file.
    """
    try:
        with safe_open(path, "pt") as file:
            card = json.loads((file.metadata() or {}).get("card", "{}"))
        key, seed = str(card["key"]), int(card["seed"])
    except (SafetensorError, OSError, *INVALID):
        return None
    above = path.resolve().parents
    if len(above) > 4 and (above[0].name, above[2].name, above[3].name) == (key, "weights", "cache"):
        store = Store(above[4])
    run = run_of_key(key, seed, store)
    place = weights_path(run, store)
    if not is_file(place) or place.read_bytes() != path.read_bytes():
        raise StudyError(f"{path} holds weights of run {key} seed {seed}; copy it to {place} to use it")
    return run, store
