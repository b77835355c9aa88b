"""``submit``: puts jobs into a queue that call ``work``, or that call ``train`` on several machines at once."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from senet_lab.cli import catalogue, options
from senet_lab.cli.catalogue import RESULTS
from senet_lab.cli.commands_store import status_lines
from senet_lab.cli.studies import study_of
from senet_lab.errors import StudyError
from senet_lab.study import Run, Table

if TYPE_CHECKING:
    from senet_lab.fleet.submit import Request, Study

Studies = Mapping[str, tuple[Table, tuple[Run, ...]]]  # tables under a protocol and their runs, by the users' names
MOST_JOBS, MOST_NODES, MOST_MINUTES = 10_000, 1_000, 100_000


class QueueName(StrEnum):
    """Values of --executor of submit."""

    SLURM = "slurm"
    LOCAL = "local"
    DEBUG = "debug"


def submit(
    table: Annotated[list[str], typer.Argument(metavar="TABLE...", help="table7, tpami-table10, my_table.py")],
    workers: Annotated[int, typer.Option("--workers", min=1, max=MOST_JOBS, help="how many run side by side")] = 1,
    protocol: options.ProtocolName = None,
    seeds: options.Seeds = 1,
    time: Annotated[int, typer.Option("--time", min=5, max=MOST_MINUTES, help="minutes of one worker")] = 240,
    partition: Annotated[str | None, typer.Option("--partition", help="SLURM's partition")] = None,
    account: Annotated[str | None, typer.Option("--account", help="SLURM's account")] = None,
    gpus_per_worker: Annotated[int, typer.Option("--gpus-per-worker", min=0, max=64, help="of each node; 0: none")] = 0,
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, max=MOST_NODES, help="machines that train one run together, with SLURM")
    ] = 1,
    data: options.Data = None,
    trunks: options.Trunks = None,
    cpus_per_worker: Annotated[int, typer.Option("--cpus-per-worker", min=1, max=1_024, help="CPU cores")] = 1,
    executor: Annotated[QueueName, typer.Option("--executor", help="slurm, processes here, or this process")] = (
        QueueName.SLURM
    ),
    results: options.Results = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the batch script, queue nothing")] = False,
    tell: Annotated[bool, typer.Option("--status", help="queue nothing; say what is queued, running, done")] = False,
) -> None:
    """Queues workers that train the runs which tables lack.

    Workers share the results folder; this command need not stay alive. A worker that is preempted or out of time saves
    its runs and is queued again. With --nodes, a worker is several machines that train each run together, a process for
    each GPU. --status says what is done, running, queued and broken. Logs are in results/cache/submit.
    """
    from senet_lab.fleet.submit import Request, script

    # a mistyped name fails here, not later in a job
    studies = {name: study_of(catalogue.find_table(name), protocol, seeds, None, data, trunks) for name in table}
    root = (results or RESULTS).resolve()
    folder = root / "cache" / "submit"
    if tell:
        return _say_status(studies, root, dry_run)
    request = Request(
        executor=executor.value,
        workers=workers,
        minutes=time,
        cpus=cpus_per_worker,
        gpus=gpus_per_worker,
        nodes=nodes,
        partition=partition,
        account=account,
    )
    words = [_command(table, request), *table, "--seeds", str(seeds), "--results", str(root), *_paths(data, trunks)]
    words += (["--protocol", protocol] if protocol else []) + _share(request)
    print(script(words, request, folder)) if dry_run else _queue(words, studies, request, folder)


def _command(tables: list[str], request: "Request") -> str:
    """The command that a worker runs. Raises StudyError for what its machines do not support or leave unused."""
    for option, value in (("--partition", request.partition), ("--account", request.account)):
        if value is not None and request.executor != QueueName.SLURM:
            raise StudyError(f"{option} belongs to SLURM; leave it or --executor {request.executor} out")
    if request.nodes == 1:
        if request.gpus > 1:
            raise StudyError(
                f"--gpus-per-worker {request.gpus}: a worker on one machine trains on one GPU; take --gpus-per-worker "
                f"1 and more --workers, or let your own job call senet-lab train --devices {request.gpus}"
            )
        return "work"
    if request.executor != QueueName.SLURM:
        raise StudyError(f"--nodes {request.nodes} needs SLURM; leave --executor {request.executor} out")
    if len(tables) > 1:
        raise StudyError(f"--nodes {request.nodes} trains one table; submit {' and '.join(tables)} one by one")
    return "train"


def _share(request: "Request") -> list[str]:
    """The options for threads, workers and minutes.

    Runs that train side by side have one thread each. A run that trains on whole machines has all their threads.
    """
    from senet_lab.fleet.submit import minutes_of_work

    if request.nodes > 1:
        words = ["--threads", str(request.cpus)]
    else:
        words = ["--threads", "1", *([] if request.gpus else ["--workers", str(request.cpus)])]
    limited = request.executor == QueueName.SLURM
    return words + (["--max-minutes", f"{minutes_of_work(request.minutes):g}"] if limited else [])


def _paths(data: Path | None, trunks: Path | None) -> list[str]:
    """The options that name files, as absolute paths, since a worker may start in another folder."""
    named = (("--data", data), ("--trunks", trunks))
    return [word for option, path in named if path for word in (option, str(path.resolve()))]


def _queue(words: list[str], studies: Studies, request: "Request", folder: Path) -> None:
    from senet_lab.fleet.submit import remember, submit

    jobs = submit(words, request, folder)
    remember(jobs, [_study(*one) for one in studies.values()], folder)
    print(f"{len(jobs)} workers are queued: {', '.join(jobs)}; each runs senet-lab {shlex.join(words)}")
    print(f"logs: {folder}; the same command with --status tells how far they are", file=sys.stderr)


def _study(table: Table, runs: Sequence[Run]) -> "Study":
    """A table, its protocols and the number of seeds, by which workers in the queue are known again."""
    from senet_lab.report.views import view_name

    return table.slug, view_name(table), 1 + max((run.seed for run in runs), default=0)


def _say_status(studies: Studies, root: Path, dry_run: bool) -> None:
    """Prints for each table the states of its runs, and the queued workers that may take them."""
    if dry_run:
        raise StudyError("--status queues nothing anyway; leave --dry-run out")
    from senet_lab.fleet.submit import queue_of
    from senet_lab.records.status import states_of
    from senet_lab.records.store import Store

    for name, (found, runs) in studies.items():
        queue = queue_of(_study(found, runs), root / "cache" / "submit")
        print("\n".join(status_lines(found, states_of(runs, Store(root)), bool(queue))))
        workers = ", ".join(f"{number} {state.lower()}" for state, number in sorted(queue.items()))
        print(f"{name}: workers in the queue: {workers or 'none'}")
