"""``submit``: ``work`` through a queue."""

import shlex
import sys
from enum import StrEnum
from typing import Annotated

import typer

from senet_lab.cli import options
from senet_lab.cli.catalogue import RESULTS
from senet_lab.cli.runs import study_of

MOST_JOBS, MOST_MINUTES, MOST_NODES = 10_000, 100_000, 1_000


class QueueName(StrEnum):
    """Values of --executor of submit."""

    SLURM = "slurm"
    LOCAL = "local"
    DEBUG = "debug"


def submit(
    table: Annotated[list[str], typer.Argument(metavar="TABLE...", help="table7, tpami-table10, my_table.py")],
    workers: Annotated[int, typer.Option("--workers", min=1, max=MOST_JOBS, help="how many work side by side")] = 1,
    protocol: options.ProtocolName = None,
    seeds: options.Seeds = 1,
    time: Annotated[int, typer.Option("--time", min=5, max=MOST_MINUTES, help="minutes of one worker")] = 240,
    partition: Annotated[str | None, typer.Option("--partition", help="of SLURM")] = None,
    account: Annotated[str | None, typer.Option("--account", help="of SLURM")] = None,
    gpus_per_worker: Annotated[int, typer.Option("--gpus-per-worker", min=0, max=64, help="0 for CPUs")] = 0,
    cpus_per_worker: Annotated[int, typer.Option("--cpus-per-worker", min=1, max=1_024, help="cores")] = 1,
    executor: Annotated[QueueName, typer.Option("--executor", help="slurm, processes here, or this process")] = (
        QueueName.SLURM
    ),
    results: options.Results = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the batch script, queue nothing")] = False,
) -> None:
    """Queues workers that train what tables lack. They share the results folder, and need no process that stays alive.

    A worker that is preempted or out of time saves its runs and is queued again. `senet-lab status TABLE` tells, from
    files, what is done; `squeue` what is queued. Logs are in results/cache/submit.
    """
    from senet_lab.fleet.submit import Request, minutes_of_work, queued, script
    from senet_lab.fleet.submit import submit as hand_over

    for name in table:
        study_of(name, protocol, seeds, None)  # a mistyped name is said here, not in a job
    root = (results or RESULTS).resolve()
    words = [*table, "--seeds", str(seeds), "--results", str(root), "--threads", "1"]
    words += ["--protocol", protocol] if protocol else []
    words += ["--workers", str(cpus_per_worker)] if not gpus_per_worker else []
    words += ["--max-minutes", f"{minutes_of_work(time):g}"] if executor is QueueName.SLURM else []
    request = Request(
        executor=executor.value,
        workers=workers,
        minutes=time,
        cpus=cpus_per_worker,
        gpus=gpus_per_worker,
        partition=partition,
        account=account,
    )
    folder = root / "cache" / "submit"
    if dry_run:
        print(script(words, request, folder))
        return
    jobs = hand_over(words, request, folder)
    print(f"{len(jobs)} workers are queued: {', '.join(jobs)}; each runs senet-lab work {shlex.join(words)}")
    print(f"logs: {folder}; senet-lab status {table[0]} --results {root} tells what is done", file=sys.stderr)
    if text := queued():
        print(text, file=sys.stderr, end="")
