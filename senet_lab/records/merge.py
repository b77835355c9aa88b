"""Copies the records of other stores into one store, with their files.

Everything is checked before anything is written. The order of the stores makes no difference, and a merge may be
repeated.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.records.curves import curve_of
from senet_lab.records.files import write_once
from senet_lab.records.gate_health import constant_blocks
from senet_lab.records.publish import PLACES, RunFiles, adopt, complete, read_file
from senet_lab.records.reading import is_folder, list_folder, read_bytes
from senet_lab.records.record import Record, from_json, scientific_digest
from senet_lab.records.sequential import SequentialPlan, plan_in
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.study.names import versioned
from senet_lab.study.protocol import Protocol

# The keys of the cells that a plan's table compares under one of these protocols; None for a table that is not known.
CellsOf = Callable[[SequentialPlan, Collection[Protocol]], Collection[str] | None]

MOST_NAMED = 10  # conflicts that one message names


@dataclass(frozen=True, slots=True)
class Found:
    """A record in a store, with the text of its file."""

    store: Store
    path: Path
    record: Record
    text: str

    @property
    def choice(self) -> tuple[str, str]:
        """The sort key by which one of several equal records of a run is kept: the one that was made first."""
        return self.record.provenance.finished_at, self.text


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did.

    added: the runs whose records were added. equal: how many records were there already. completed: how many missing
    files were added to records. plans: how many sequential plans were added.
    """

    added: tuple[Run, ...]
    equal: int
    completed: int
    plans: int

    @property
    def text(self) -> str:
        """The result in one line."""
        return (
            f"{len(self.added)} records added, {self.equal} were there already; {self.completed} files that were "
            f"missing and {self.plans} sequential plans brought"
        )


def merge(into: Store, others: Sequence[Store], cells_of: CellsOf = lambda plan, protocols: None) -> Merged:
    """Adds to a store the records, files and plans of others that it lacks.

    cells_of: tells which cells a plan is about. For a table that it does not know, these are the cells with records
    under the plan's protocol beside the plan.

    Two records of one run are equal where their results are equal, no matter when and where they were made; then the
    record that is there stays. Raises StudyError, before anything is written, for a folder that is no store, a damaged
    record or file, records or plans that contradict each other, different protocols of one name and version, and a plan
    that would test runs which one of the stores has without it.
    """
    for other in others:
        if other.root.resolve() == into.root.resolve():
            raise StudyError(f"{other.root} is the folder to merge into; name other folders")
        if not is_folder(other.root / "records"):
            raise StudyError(f"{other.root} has no folder records; name a folder of results")
    stores = [into, *others]
    found = [one for store in stores for one in _records(store)]
    plans = _plans(stores)
    conflicts = [*_other_protocols(found), *_contradictions(found), *plans.conflicts]
    conflicts += _seen_before(stores, found, plans, cells_of)
    if conflicts:
        more = len(conflicts) - MOST_NAMED
        lines = [*conflicts[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
        raise StudyError(f"nothing is merged: {'; '.join(lines)}")
    into.prepare()
    return _write(into, found, plans.texts)


def _records(store: Store) -> list[Found]:
    """Every record of a store. Its files are read, too, so that a damaged one is found before anything is written."""
    found = []
    for path in store.record_files():
        text = (read_bytes(path) or b"").decode("utf-8", errors="replace")
        record = from_json(text, str(path))
        store.refuse_misplaced(record, path)
        curve_of(record, store)
        constant_blocks(record, store)
        for name in PLACES:
            read_file(store, record, name)
        found.append(Found(store, path, record, text))
    return found


def _by_run(found: Iterable[Found]) -> dict[tuple[str, int], list[Found]]:
    runs: dict[tuple[str, int], list[Found]] = {}
    for one in found:
        runs.setdefault((one.record.run.cell.key, one.record.run.seed), []).append(one)
    return runs


def _contradictions(found: Sequence[Found]) -> list[str]:
    conflicts = []
    for same in _by_run(found).values():
        first = same[0]
        for other in same[1:]:
            if other.text != first.text and scientific_digest(other.record) != scientific_digest(first.record):
                conflicts.append(
                    f"{_described(first)} and {_described(other)} are of one run and have different results"
                )
    return conflicts


def _described(one: Found) -> str:
    digest = next(line for line in one.text.splitlines() if line.startswith(' "digest"')).split('"')[3]
    return f"{one.path} (digest {digest[:12]}, of the results alone {scientific_digest(one.record)[:12]})"


def _other_protocols(found: Sequence[Found]) -> list[str]:
    """A line for each protocol that differs from another of the same name and version, with the fields that differ."""
    first: dict[tuple[str, int], Found] = {}
    conflicts: dict[str, None] = {}
    for one in found:
        protocol = one.record.run.cell.protocol
        known = first.setdefault((protocol.name, protocol.version), one)
        theirs = known.record.run.cell.protocol
        if protocol != theirs and one.store != known.store:
            conflicts[
                f"protocol {protocol.name!r} (version {protocol.version}) of {one.store.root} is not that of "
                f"{known.store.root}: {_difference(protocol, theirs)}"
            ] = None
    return list(conflicts)


def _difference(protocol: Protocol, other: Protocol) -> str:
    names = [
        f.name
        for f in dataclasses.fields(Protocol)
        if f.compare and getattr(protocol, f.name) != getattr(other, f.name)
    ]
    return ", ".join(f"{name} {getattr(protocol, name)} and {getattr(other, name)}" for name in names)


@dataclass(frozen=True, slots=True)
class _Plans:
    texts: dict[str, str]  # by file name
    conflicts: list[str]
    where: dict[str, Path]


def _plans(stores: Sequence[Store]) -> _Plans:
    """The sequential plans of all stores. Verdicts depend on them, so two plans of one table must be equal."""
    plans = _Plans({}, [], {})
    for store in stores:
        for path in list_folder(store.root / "sequential") or []:
            text = (read_bytes(path) or b"").decode("utf-8", errors="replace")
            if plans.texts.setdefault(path.name, text) != text:
                plans.conflicts.append(f"{plans.where[path.name]} and {path} are different plans of one table")
            plans.where.setdefault(path.name, path)
    return plans


def _seen_before(stores: Sequence[Store], found: Sequence[Found], plans: _Plans, cells_of: CellsOf) -> list[str]:
    """A line for each plan and store without it that has runs which the plan would test.

    These records may have been looked at before the plan was made, and its verdicts would count them as new.
    """
    conflicts = []
    protocols = {one.record.run.cell.protocol for one in found}
    for name, path in plans.where.items():
        plan = plan_in(path)
        assert plan is not None
        having = [store for store in stores if (store.root / "sequential" / name).exists()]
        runs = [one for one in found if one.record.run.seed >= plan.first_seed]
        cells = cells_of(plan, protocols)
        if cells is None:
            under = (one for one in runs if one.store in having and _is_under(plan, one.record.run.cell.protocol))
            cells = {one.record.run.cell.key for one in under}
        for store in (store for store in stores if store not in having):
            of_store = (one.record.run for one in runs if one.store == store)
            seen = sorted({run.seed for run in of_store if run.cell.key in cells})
            if seen:
                conflicts.append(
                    f"{path} is a plan from seed {plan.first_seed} on, and {store.root} has its rows' seeds "
                    f"{', '.join(map(str, seen))} without a plan, so they may have been seen before it. If they were "
                    f"trained under it, copy it to {store.root / 'sequential'} first"
                )
    return conflicts


def _is_under(plan: SequentialPlan, protocol: Protocol) -> bool:
    return versioned(protocol.name, protocol.version) in plan.protocol.split("+")


def _write(into: Store, found: Sequence[Found], plans: dict[str, str]) -> Merged:
    # Plans first: a merge that stops here and is repeated finds its records beside their plan.
    brought = [name for name, text in plans.items() if write_once(into.root / "sequential" / name, text)]
    added, equal, completed = [], 0, 0
    for same in _by_run(found).values():
        there = [one for one in same if one.store == into]
        kept = there[0] if there else min(same, key=lambda one: one.choice)
        equal += len(same) - 1
        for source in sorted(same, key=lambda one: one is not kept):
            if source.store == into or source.text != kept.text:
                continue
            files = _files(source)
            if not there:
                adopt(into, source.record, source.text, files)
                added.append(source.record.run)
                there = [source]
            completed += len(complete(into, kept.record, files))
    return Merged(tuple(added), equal, completed, len(brought))


def _files(one: Found) -> RunFiles:
    return RunFiles(**{name: read_file(one.store, one.record, name) for name in PLACES})
