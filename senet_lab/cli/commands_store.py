"""``merge`` joins stores of records; ``status`` says how far the runs of a table are."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS
from senet_lab.cli.own_code import warn_of_runs
from senet_lab.cli.printing import print_json
from senet_lab.cli.runs import labels_of
from senet_lab.cli.studies import study_of
from senet_lab.study import Protocol, Table

if TYPE_CHECKING:
    from senet_lab.records.sequential import SequentialPlan
    from senet_lab.records.status import RunState

Folders = Annotated[list[Path], typer.Argument(metavar="DIR...", help="results folders, such as from other machines")]


def merge(folders: Folders, results: options.Results = None, as_json: options.AsJson = False) -> None:
    """Copies records, curves, gates and weights of other results folders into this one.

    Every file is checked first. Equal files are skipped. If a file contradicts one that is here, the command names it
    and writes nothing. Writes results/records, results/curves, results/sequential and, outside git,
    results/cache/weights.
    """
    from senet_lab.records.merge import merge as merge_stores
    from senet_lab.records.store import Store

    found = merge_stores(Store(results or RESULTS), [Store(folder) for folder in folders], _cells_of_plan)
    if as_json:
        print_json(
            {
                "added": [{"key": run.cell.key, "seed": run.seed} for run in found.added],
                "equal": found.equal,
                "completed": found.completed,
                "plans": found.plans,
            }
        )
        return
    print(found.text)


def _cells_of_plan(plan: "SequentialPlan", protocols: Collection[Protocol]) -> set[str] | None:
    """The keys of the cells that a plan compares; None where its table is not declared, as a user's own."""
    from senet_lab.report.views import view_name
    from senet_lab.stats.families import family_of
    from senet_lab.study.companions import candidates

    for table in catalogue.tables():
        if table.slug == plan.table:
            views = [view for view in candidates(table, protocols) if view_name(view) == plan.protocol]
            families = [family_of(view, catalogue.claims()) for view in views]
            return {cell.key for family in families for cell in (*family.rows, *family.cells)}
    return None


def status(
    table: options.TableName,
    protocol: options.ProtocolName = None,
    seeds: options.Seeds = 1,
    row: options.RowNames = None,
    data: options.Data = None,
    trunks: options.Trunks = None,
    results: options.Results = None,
    as_json: options.AsJson = False,
) -> None:
    """Says for every run of a table whether it is done, running (and where), broken (and why), or not begun."""
    from senet_lab.records.status import states_of
    from senet_lab.records.store import Store

    found, runs = study_of(catalogue.find_table(table), protocol, seeds, row, data, trunks)
    warn_of_runs(runs, results or RESULTS)
    states = states_of(runs, Store(results or RESULTS))
    if as_json:
        labels = labels_of(found, runs)
        print_json([{"label": labels[one.run.cell.key, one.run.seed], **one.as_dict()} for one in states])
        return
    print("\n".join(status_lines(found, states)))


def status_lines(table: Table, states: "list[RunState]", queued: bool = False) -> list[str]:
    """The lines that ``status`` prints: rows by seeds, the number of runs in each state, and notes on single runs.

    Runs that are done, not begun or queued have no note. queued: whether workers in a queue will take the runs that
    nobody trains.
    """
    from senet_lab.records.status import State

    waiting = (State.NOT_RUN, State.INTERRUPTED) if queued else ()
    states = [replace(one, state=State.QUEUED) if one.state in waiting else one for one in states]

    labels = labels_of(table, [one.run for one in states])
    rows: dict[str, list[RunState]] = {}
    for one in states:
        label = labels[one.run.cell.key, one.run.seed].removesuffix(f" seed {one.run.seed}")
        rows.setdefault(label.removeprefix(f"{table.name} "), []).append(one)
    width = max((len(label) for label in rows), default=0)
    lines = [f"{label:{width}}  " + "  ".join(f"{one.state:11}" for one in of_row) for label, of_row in rows.items()]
    counts = Counter(one.state for one in states)
    lines.append(", ".join(f"{counts[state]} {state}" for state in State if counts[state]))
    quiet = (State.DONE, State.NOT_RUN, State.QUEUED)
    lines += [
        f"{labels[one.run.cell.key, one.run.seed]}: {one.state}{', ' if one.note else ''}{one.note}"
        for one in states
        if one.state not in quiet
    ]
    return [line.rstrip() for line in lines]
