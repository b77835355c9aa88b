"""``verify``: trains a recorded run again in another folder, and compares it with its record bit by bit."""

import contextlib
import functools
import random
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS, cost_model
from senet_lab.cli.named_records import origins, records_named
from senet_lab.cli.printing import print_json
from senet_lab.cli.runs import TrainingOptions, train_run
from senet_lab.errors import StudyError

if TYPE_CHECKING:
    from senet_lab.records.cost import CostModel
    from senet_lab.records.record import Record
    from senet_lab.records.store import Store

KEY = re.compile(r"[0-9a-f]{4,16}(/\d+)?")
Name = Annotated[
    str | None, typer.Argument(metavar="[TABLE|KEY]", help="whose records to draw from, KEY/SEED for one; else all")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=options.MOST_SEEDS, help="only records of this seed")]
Minutes = Annotated[
    float | None, typer.Option("--minutes", min=0.0, help="draw a run that takes at most so long, and end by then")
]
Scratch = Annotated[
    Path | None, typer.Option("--scratch", help="train in this folder, and go on there later; else a temporary one")
]


def verify(
    name: Name = None,
    seed: Seed = None,
    minutes: Minutes = None,
    data: options.Data = None,
    trunks: options.Trunks = None,
    results: options.Results = None,
    device: options.Device = "auto",
    scratch: Scratch = None,
    as_json: options.AsJson = False,
) -> None:
    """Trains a recorded run again in another folder, and compares record, curve and gates bit by bit.

    Of several records one is drawn at random, or one that --scratch has begun. Nothing is written to results. --device
    auto takes the kind of device that the record was made on, where this machine has one. Exit status 0: all is equal;
    or device, processor or versions differ, or the run is one of CUDA, and the errors agree within the printed
    interval. 1: they disagree, or the data differ, which says nothing of the record. 75: the minutes were over before
    the run ended.
    """
    root = results or RESULTS
    candidates = _candidates(name, root, seed, data)
    model, begun = cost_model([record.run for _, record in candidates], root), _begun(candidates, scratch)
    store, record = _drawn(begun or candidates, model, None if begun else minutes)
    label = f"{record.run.cell.key}/{record.run.seed}"
    _say_what_is_drawn(record, model, len(begun or candidates))
    if scratch is not None and scratch.resolve() in (RESULTS.resolve(), root.resolve()):
        raise StudyError(f"{scratch} is a folder of results; choose another folder for --scratch")
    _refuse_other_files(store, record)
    with _folder(scratch, record) as place:
        made = TrainingOptions(
            _device_for(record, device),
            record.provenance.executor,
            record.provenance.threads,
            workers=1,
            data=data,
            skip_damaged=record.provenance.skipped_photos > 0,
            max_minutes=minutes,
            at_once=max((part.batch_norm_images for part in record.provenance.parts), default=0) or None,
            trunks=trunks,
            trunk_results=store.root,
        )
        try:
            train_run(label, record.run, place, made)
        except StudyError as error:
            chosen = None if device == "auto" else device
            again = [("--results", results), ("--data", data), ("--trunks", trunks), ("--device", chosen)]
            raise _explained(error, record, name, scratch, again) from None
        held = _compare(store, record, place, label, as_json)
    raise typer.Exit(0 if held else 1)


def _refuse_other_files(store: "Store", record: "Record") -> None:
    """Raises StudyError for a curve or gates that are not the record's, before hours of training."""
    from senet_lab.records.publish import read_file

    for name in ("curve", "gates"):
        read_file(store, record, name)


def _candidates(name: str | None, root: Path, seed: int | None, data: Path | None) -> "list[tuple[Store, Record]]":
    """The records that the name stands for, each with its store. Raises StudyError where there is none.

    Runs on a user's own photos are left out where ``data`` does not say where they lie, and others can be drawn.
    """
    from senet_lab.records.store import Store

    store = Store(root)
    if name is not None and KEY.fullmatch(name):
        found = records_named(name, [root])
    elif name is None:
        found = [(store, record) for record in store.read_all()]
    else:
        found = [(store, record) for record in _of_table(name, store)]
    found = [(place, record) for place, record in found if seed is None or record.run.seed == seed]
    if not found:
        of = f" of {name}" if name else ""
        raise StudyError(f"{root} has no record{of}{'' if seed is None else f' with seed {seed}'} to verify")
    return found if data else [one for one in found if not one[1].run.cell.protocol.photos] or found


def _of_table(name: str, store: "Store") -> "list[Record]":
    from senet_lab.study.companions import candidates

    table = catalogue.find_table(name)
    tables = [table, *candidates(table, store.protocols())]
    return store.read_cells(dict.fromkeys(cell for under in tables for cell in under.cells))


def _begun(candidates: "Sequence[tuple[Store, Record]]", scratch: Path | None) -> "list[tuple[Store, Record]]":
    """The candidates that an earlier call has begun to train in the scratch folder."""
    from senet_lab.records.status import is_begun
    from senet_lab.records.store import Store

    return [one for one in candidates if scratch is not None and is_begun(one[1].run, Store(scratch))]


def _drawn(
    candidates: "Sequence[tuple[Store, Record]]", model: "CostModel", minutes: float | None
) -> "tuple[Store, Record]":
    """A random candidate, of those that take at most ``minutes``. Raises StudyError where all take longer."""
    from senet_lab.records.cost import machine_of

    if minutes is None:
        return random.choice(candidates)
    of_machine = functools.cache(model.on)
    times = [of_machine(machine_of(record)).estimate(record.run) for _, record in candidates]
    short = [
        one
        for one, time in zip(candidates, times, strict=True)
        if time is not None and time.seconds <= 60 * minutes
    ]  # fmt: skip
    if not short:
        known = [time.seconds for time in times if time is not None]
        least = f"the quickest takes about {_time(min(known))}" if known else "none has a time to tell it by"
        raise StudyError(f"none of {len(candidates)} records can be trained in {minutes:g} minutes: {least}")
    return random.choice(short)


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 100 else f"{seconds:.0f} seconds"


def _say_what_is_drawn(record: "Record", model: "CostModel", among: int) -> None:
    from senet_lab.records.cost import machine_of

    estimate, run = model.on(machine_of(record)).estimate(record.run), record.run
    places = ", ".join(origins()(run).places) or run.cell.backbone
    drawn = f", drawn from {among} records" if among > 1 else ""
    print(f"{run.cell.key}/{run.seed}: {places}, {run.cell.protocol.name}, seed {run.seed}{drawn}", file=sys.stderr)
    if estimate is not None:
        print(f"it takes about {_time(estimate.seconds)} on {machine_of(record)}", file=sys.stderr)


def _device_for(record: "Record", device: str) -> str:
    """The device to train on: ``auto`` becomes cpu for a record without a CUDA version, which was made on a CPU."""
    return "cpu" if device == "auto" and "cuda" not in record.provenance.versions else device


@contextlib.contextmanager
def _folder(scratch: Path | None, record: "Record") -> Iterator[Path]:
    """The folder to train in. Raises StudyError where it has the run already, so that nothing would be trained."""
    from senet_lab.records.store import Store

    if scratch is not None:
        if Store(scratch).read(record.run) is not None:
            raise StudyError(f"{scratch} has a record of this run, so nothing would be trained; name another folder")
        yield scratch
        return
    with tempfile.TemporaryDirectory(prefix="senet_lab-verify-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _explained(
    error: StudyError, record: "Record", name: str | None, scratch: Path | None, again: Sequence[tuple[str, object]]
) -> StudyError:
    """The error with a hint. For a paused run: how to go on. For a run with a user's own code: how to load it.

    A run that broke in a temporary folder has lost its log with that: --scratch keeps it.

    name: what the command was given; where that is a file of the user's own code, the run goes on by it. again: options
    that were given and have to be given again.
    """
    from senet_lab.training.stopping import Paused

    own = any(part.extensions for part in record.provenance.parts)
    if not isinstance(error, Paused):
        hint = "; the record has code of its user's own: senet-lab verify my_table.py loads it and draws a record of it"
        kept = "" if scratch or "/cache/logs" not in str(error) else "; with --scratch DIR its log stays"
        return StudyError(f"{error}{kept}{hint * own}")
    label = f"{record.run.cell.key}/{record.run.seed}"
    place = shlex.quote(str(scratch)) if scratch else "DIR"
    kept = "goes on" if scratch else "keeps what it has trained"
    by_file = own and name is not None and not KEY.fullmatch(name)
    called = f"{shlex.quote(str(name))} --seed {record.run.seed}" if by_file else label
    given = "".join(f" {name} {shlex.quote(str(path))}" for name, path in again if path is not None)
    return Paused(
        f"{label} was not trained to its end, so nothing is said of the record; "
        f"senet-lab verify {called} --scratch {place}{given} {kept}"
    )


def _compare(store: "Store", record: "Record", place: Path, label: str, as_json: bool) -> bool:
    """Compares the record with the run trained again, prints the result, and returns whether the record holds."""
    from senet_lab.records.publish import read_file
    from senet_lab.records.store import Store
    from senet_lab.report.verification import verify as compared
    from senet_lab.report.verification_text import verification_data, verification_text

    scratch = Store(place)
    again = scratch.read(record.run)
    assert again is not None
    found = compared(
        record,
        again,
        (read_file(store, record, "curve"), read_file(scratch, again, "curve")),
        (read_file(store, record, "gates"), read_file(scratch, again, "gates")),
        store.read_all(),
    )
    print_json(verification_data(found)) if as_json else print(f"{label}: {verification_text(found)}")
    return found.holds
