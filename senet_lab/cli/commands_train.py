"""Commands that train: ``train``, ``reproduce`` and ``work``."""

import sys
from typing import Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.commands_evaluate import PROTOCOL as RELEASED
from senet_lab.cli.commands_evaluate import Choice, default_data, evaluate_table
from senet_lab.cli.commands_plan import show_plan
from senet_lab.cli.commands_report import report_table
from senet_lab.cli.gather import RESULTS
from senet_lab.cli.printing import print_json
from senet_lab.cli.runs import TrainingOptions, device_named, train_runs, train_until, work_on
from senet_lab.cli.studies import NoCompanion, study_of
from senet_lab.cli.together import has_company
from senet_lab.errors import StudyError

UntilResolved = Annotated[
    bool, typer.Option("--until-resolved", help="add seeds until every comparison is settled, at most --seeds (10)")
]
TrainHours = Annotated[
    float | None, typer.Option("--max-hours", min=0.0, help="with --until-resolved: the most hours in all")
]
USED_WITHOUT_TRAINING = ("table", "protocol", "row", "data", "results", "device", "as_json")  # parameters of reproduce


def train(
    table: options.TableName,
    protocol: options.ProtocolName = None,
    seeds: options.MaybeSeeds = None,
    row: options.RowNames = None,
    data: options.Data = None,
    trunks: options.Trunks = None,
    results: options.Results = None,
    device: options.Device = "auto",
    executor: options.ExecutorOption = options.ExecutorName.AUTO,
    threads: options.Threads = 1,
    workers: options.Workers = None,
    skip_damaged: options.SkipDamaged = False,
    max_minutes: options.MaxMinutes = None,
    devices: options.Devices = 1,
    at_once: options.AtOnce = None,
    loaders: options.Loaders = None,
    logger: options.Loggers = None,
    until_resolved: UntilResolved = False,
    max_hours: TrainHours = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Trains the runs that are not recorded. Writes results/records, results/curves and, outside git, results/cache.

    With --until-resolved it adds seeds to the rows whose comparisons are open, and stops when all verdicts are settled.
    Its plan goes to results/sequential. The plan divides the allowed chance of a false verdict over the repeated tests.
    """
    paper, claims = catalogue.find_with_claims(table)
    found, runs = study_of(paper, protocol, seeds or 1, row, data, trunks)
    chosen = TrainingOptions(
        device, executor.value, threads, workers, data, skip_damaged, max_minutes, devices, at_once, trunks, loaders
    ).logged_by(logger)
    if until_resolved:
        _refuse_beside_until_resolved(seeds, row, max_minutes, devices, dry_run, as_json)
        train_until(found, claims, seeds, max_hours, results or RESULTS, chosen)
        return
    if max_hours is not None:
        raise StudyError("--max-hours belongs to --until-resolved")
    if dry_run:
        show_plan(found, runs, results or RESULTS, as_json)
        return
    trained = train_runs(found, runs, results or RESULTS, chosen)
    if as_json:
        print_json({"trained": [{"key": run.cell.key, "seed": run.seed} for run in trained]})


def _refuse_beside_until_resolved(
    seeds: int | None,
    row: list[str] | None,
    max_minutes: float | None,
    devices: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    if seeds == 1:
        raise StudyError("--until-resolved tests over seeds, so it needs two at least; take --seeds 2 or more")
    if as_json:
        raise StudyError("--until-resolved prints no JSON; senet-lab report TABLE --json does, when it has ended")
    if dry_run:
        raise StudyError(
            "--until-resolved decides on its runs as it goes; senet-lab plan TABLE --resolve foresees them"
        )
    if row:
        raise StudyError("--until-resolved is about all comparisons of a table; leave --row out")
    if max_minutes is not None:
        raise StudyError("--until-resolved has --max-hours; leave --max-minutes out")
    if devices > 1 or has_company():
        raise StudyError("--until-resolved trains each run on one device; leave --devices out")


def _refuse_unused(context: typer.Context) -> None:
    """Raises StudyError for options of training with other values than their defaults, where nothing is trained."""
    given = [
        one.opts[0]
        for one in context.command.params
        if one.name not in USED_WITHOUT_TRAINING
        and context.params[one.name or ""] not in (one.get_default(context), [], ())
    ]
    if given:
        raise StudyError(f"released weights are evaluated, not trained; leave {', '.join(given)} out")


def reproduce(
    context: typer.Context,
    table: options.TableName,
    protocol: options.ProtocolName = None,
    seeds: options.Seeds = 1,
    row: options.RowNames = None,
    data: options.Data = None,
    trunks: options.Trunks = None,
    results: options.Results = None,
    device: options.Device = "auto",
    executor: options.ExecutorOption = options.ExecutorName.AUTO,
    threads: options.Threads = 1,
    workers: options.Workers = None,
    skip_damaged: options.SkipDamaged = False,
    max_minutes: options.MaxMinutes = None,
    devices: options.Devices = 1,
    at_once: options.AtOnce = None,
    loaders: options.Loaders = None,
    logger: options.Loggers = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Trains the runs that are not recorded, then reports. `make table7` calls it.

    Where no protocol is named and the table has no network for the synthetic images, it reports only. With protocol
    ``released`` it trains nothing, and evaluates released weights on the photos in --data or $SENET_LAB_DATA/imagenet.
    """
    paper, claims = catalogue.find_with_claims(table)
    if protocol == RELEASED:
        _refuse_unused(context)
        choice = Choice(data or default_data(), results or RESULTS, device_named(device), rows=tuple(row or ()))
        evaluate_table(paper, choice, as_json)
        return
    try:
        found, runs = study_of(paper, protocol, seeds, row, data, trunks)
    except NoCompanion as error:
        if protocol is not None or dry_run or data is not None or trunks is not None:
            raise
        print(f"nothing is trained: {error}", file=sys.stderr)
        found, runs = paper, ()
    if dry_run:
        show_plan(found, runs, results or RESULTS, as_json)
        return
    chosen = TrainingOptions(
        device, executor.value, threads, workers, data, skip_damaged, max_minutes, devices, at_once, trunks, loaders
    ).logged_by(logger)
    if runs:
        train_runs(found, runs, results or RESULTS, chosen)
    report_table(paper, claims, results, as_json)


def work(
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="tables by name, alias or file")],
    protocol: options.ProtocolName = None,
    seeds: options.Seeds = 1,
    data: options.Data = None,
    trunks: options.Trunks = None,
    results: options.Results = None,
    device: options.Device = "auto",
    executor: options.ExecutorOption = options.ExecutorName.AUTO,
    threads: options.Threads = 1,
    workers: options.Workers = None,
    skip_damaged: options.SkipDamaged = False,
    max_minutes: options.MaxMinutes = None,
    loaders: options.Loaders = None,
    logger: options.Loggers = None,
) -> None:
    """Trains the missing runs of some tables beside other workers. Start it on every machine that shares the folder.

    Workers divide the runs by lock files in results/cache/locks. A worker ends when every run is recorded or held by
    another worker. It ends with exit status 75 when a signal or --max-minutes stopped it; the same command goes on.
    """
    studies = [study_of(catalogue.find_table(name), protocol, seeds, None, data, trunks) for name in tables]
    chosen = TrainingOptions(
        device, executor.value, threads, workers, data, skip_damaged, max_minutes, trunks=trunks, loaders=loaders
    ).logged_by(logger)
    elsewhere = work_on(studies, results or RESULTS, chosen)
    if elsewhere:
        print(f"{len(elsewhere)} runs are with other workers", file=sys.stderr)
