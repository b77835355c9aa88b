"""``list`` names the tables and protocols; ``plan`` says what a table still needs. Both leave records alone."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.gather import RESULTS, cost_model, sources_of
from senet_lab.cli.own_code import warn_of_runs
from senet_lab.cli.printing import print_json
from senet_lab.cli.runs import labels_of
from senet_lab.cli.studies import study_of, table_under
from senet_lab.errors import StudyError
from senet_lab.study import Run, Table

Resolve = Annotated[
    float | None, typer.Option("--resolve", help="say how many seeds would settle differences of so many points")
]
Pilot = Annotated[
    str | None, typer.Option("--pilot", help="with --resolve: take the spread over seeds from this table's runs")
]


def list_all(as_json: options.AsJson = False) -> None:
    """Names every table and protocol."""
    if not as_json:
        print(catalogue.listing())
        return
    tables = catalogue.tables()
    print_json(
        {
            "tables": [
                {
                    "name": t.name,
                    "aliases": catalogue.names_of(t, tables)[1:],
                    "edition": t.edition,
                    "number": t.number,
                    "caption": t.caption,
                    "rows": [row.label for row in t.rows],
                }
                for t in tables
            ],
            "protocols": [{"name": p.name, "title": p.title} for p in catalogue.protocols()],
        }
    )


def plan(
    table: options.TableName,
    protocol: options.ProtocolName = None,
    seeds: options.MaybeSeeds = None,
    row: options.RowNames = None,
    data: options.Data = None,
    trunks: options.Trunks = None,
    resolve: Resolve = None,
    pilot: Pilot = None,
    max_hours: options.MaxHours = None,
    results: options.Results = None,
    as_json: options.AsJson = False,
) -> None:
    """Says which runs a table needs, which of them are recorded, and what the others cost. Reads records only.

    With --resolve it says how many seeds would settle each comparison, and which comparisons no number would settle.
    """
    if pilot is not None and resolve is None:
        raise StudyError("--pilot belongs to --resolve: it says which table's spread over seeds to plan with")
    if max_hours is not None and resolve is None:
        raise StudyError("--max-hours belongs to --resolve; without it, a plan tells the hours of all its runs")
    if seeds is not None and resolve is not None:
        raise StudyError("--resolve says how many seeds are needed; leave --seeds out")
    if row and resolve is not None:
        raise StudyError("--resolve is about all comparisons of a table; leave --row out")
    paper, claims = catalogue.find_with_claims(table)
    found, runs = study_of(paper, protocol, seeds or 1, row, data, trunks)
    if resolve is not None:
        from senet_lab.records.sequential import read_plan
        from senet_lab.records.store import Store
        from senet_lab.report.views import view_name
        from senet_lab.report.wording import needs_data, needs_text
        from senet_lab.stats.seeds_needed import needs_of

        root = results or RESULTS
        begun, model = read_plan(root, found.slug, view_name(found)), cost_model(runs, root)
        name = protocol or (None if data else found.paper_protocol.name)
        of_pilot = None if pilot is None else table_under(catalogue.find_table(pilot), name, data)
        *elsewhere, here = (Store(place).read_all() for place, _ in sources_of(results))
        seen = chain.from_iterable(elsewhere)  # as where a plan is begun: equal seeds give equal runs
        needs = needs_of(found, claims, here, model, resolve, max_hours, begun, of_pilot, seen)
        print_json(needs_data(needs)) if as_json else print(needs_text(needs))
        return
    show_plan(found, runs, results or RESULTS, as_json)


def show_plan(table: Table, runs: tuple[Run, ...], root: Path, as_json: bool) -> None:
    """Prints a line for each run with its record's status, and a last line with the cost of the missing runs."""
    from senet_lab.records.cost import cost_of, planned
    from senet_lab.records.store import Store

    warn_of_runs(runs, root)
    labels, model = labels_of(table, runs), cost_model(runs, root)
    lines = planned(runs, Store(root), model)
    if as_json:
        print_json([{"label": labels[line.run.cell.key, line.run.seed], **line.as_dict()} for line in lines])
        return
    for line in lines:
        cell, state = line.run.cell, line.status or "not run"
        print(f"{labels[cell.key, line.run.seed]:32} {cell.protocol.name:16} {cell.key}  {state}")
    print(cost_of(lines, model))
