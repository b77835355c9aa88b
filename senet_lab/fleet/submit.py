"""Hands ``senet-lab work`` to a queue: an array of workers through submitit, which knows SLURM, this machine and none.

A worker of several machines is ``senet-lab train`` instead, once for each of their GPUs, which train each run together.

A worker that is preempted or out of time saves what it trains, ends, and is queued again. What is done is in the
results folder: neither the queue nor a process that would have to stay alive holds it.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.records.files import read_bytes, replace_file
from senet_lab.training.stopping import EXIT_GO_ON

PROGRAM = (sys.executable, "-m", "senet_lab")
ENDING_SECONDS = 120  # that a worker gets before the end of its time, to save and to be queued again
REQUEUES = 10_000  # out of time; SLURM's own limits end a study, not ours
JOBS = "jobs.jsonl"  # of a folder: what was queued from here
SQUEUE = ("squeue", "--me", "--noheader", "--array", "--format=%i %T")
SUBMITIT = "submit needs submitit, which is not installed: install senet-lab[cluster]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of a queue. minutes: time limit of one worker. nodes: of one worker; more than one train each
    run together, a process for each GPU, or one for each node without. gpus: of each node.

    cpus: of one process. executor: slurm, local (processes here) or debug (in this process).
    """

    executor: str
    workers: int
    minutes: int
    cpus: int = 1
    gpus: int = 0
    nodes: int = 1
    partition: str | None = None
    account: str | None = None
    name: str = "senet-lab"


@dataclass
class Worker:
    """One job, or one task of it: runs senet-lab with these words, and gives it time to save when the job is to end.

    together: whether the job has several tasks, which train each run together.
    """

    words: tuple[str, ...]
    together: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __call__(self) -> int:
        """Trains until nothing is left; returns the exit status. Raises RuntimeError where the command failed."""
        if self.together:  # the first node's name, and a port that every task draws from the job's number
            from submitit.helpers import TorchDistributedEnvironment

            TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        self.process = subprocess.Popen([*PROGRAM, *self.words])
        status = self.process.wait()
        if status == EXIT_GO_ON:  # time is up, or a signal came: the queue's own signal, which queues again, follows
            time.sleep(2 * ENDING_SECONDS)
        elif status:
            raise RuntimeError(f"senet-lab {' '.join(self.words)} ended with status {status}; its log is above")
        return status

    def checkpoint(self) -> Any:
        """Asks the command to save and end, waits for it, and hands the same work back to the queue."""
        from submitit.helpers import DelayedSubmission

        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        return DelayedSubmission(Worker(self.words, self.together))

    def __getstate__(self) -> dict[str, object]:
        return {"words": self.words, "together": self.together, "process": None}


def submit(words: Sequence[str], request: Request, folder: Path) -> list[str]:
    """Queues the workers; returns the ids of their jobs. folder: for submitit's scripts and the workers' logs.

    Raises StudyError where submitit is not installed, or the queue refuses.
    """
    executor = _executor(request, folder)
    tasks = [Worker(tuple(words), request.nodes > 1) for _ in range(request.workers)]
    try:
        with executor.batch():
            jobs = [executor.submit(task) for task in tasks]
    except Exception as error:  # whatever the queue says
        raise StudyError(f"the queue refuses: {' '.join(str(error).split())[:300]}") from None
    if request.executor == "debug":
        for job in jobs:
            job.result()
    return [job.job_id for job in jobs]


def script(words: Sequence[str], request: Request, folder: Path) -> str:
    """The batch script of one worker, for a look. Raises StudyError where submitit is not installed."""
    executor = _executor(request, folder)
    if request.executor != "slurm":
        return " ".join([*PROGRAM, *words])
    inner = executor._executor
    text: str = inner._make_submission_file_text(inner._submitit_command_str, "worker")
    return f"{text.rstrip()}\n# each worker then runs: {' '.join([*PROGRAM, *words])}\n"


def _executor(request: Request, folder: Path) -> Any:
    try:
        import submitit
    except ImportError:
        raise StudyError(SUBMITIT) from None
    try:
        executor = submitit.AutoExecutor(folder, cluster=request.executor, slurm_max_num_timeout=REQUEUES)
    except (RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise StudyError(f"{request.executor} is not here ({text}); --executor local runs workers here") from None
    executor.update_parameters(
        name=request.name,
        timeout_min=request.minutes,
        nodes=request.nodes,
        tasks_per_node=max(1, request.gpus) if request.nodes > 1 else 1,
        cpus_per_task=request.cpus,
        gpus_per_node=request.gpus,
        slurm_array_parallelism=request.workers,
        slurm_signal_delay_s=_signal_seconds(request.minutes),
    )
    for name, value in (("slurm_partition", request.partition), ("slurm_account", request.account)):
        if value:
            executor.update_parameters(**{name: value})
    return executor


def minutes_of_work(minutes: int) -> float:
    """How long ``work`` may train in a job of so many minutes: it ends before the queue's signal comes."""
    return max(0.5, minutes - 1.25 * _signal_seconds(minutes) / 60)


def _signal_seconds(minutes: int) -> int:
    """How long before a job's end the queue warns it."""
    return min(ENDING_SECONDS, 30 * minutes)


def remember(jobs: Sequence[str], words: Sequence[str], folder: Path) -> None:
    """Keeps which jobs were queued for which work, for ``queue_of``."""
    path = folder / JOBS
    line = json.dumps({"jobs": list(jobs), "words": list(words)})
    replace_file(path, (read_bytes(path) or b"") + f"{line}\n".encode())


def queue_of(table: str, folder: Path) -> Counter[str]:
    """How many workers for a table the queue has in each of its states (RUNNING, PENDING, ...).

    Empty where there is no SLURM, or none of these workers is in its queue any more.
    """
    lines = (read_bytes(folder / JOBS) or b"").decode(errors="replace").splitlines()
    ours: set[str] = set()
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that somebody spoiled tells of no job
            said = json.loads(line)
            if table in said["words"]:
                ours.update(said["jobs"])
    try:
        found = subprocess.run(SQUEUE, capture_output=True, text=True, check=True) if ours else None
    except (OSError, subprocess.CalledProcessError):
        return Counter()
    pairs = [line.split() for line in found.stdout.splitlines()] if found else []
    return Counter(pair[1] for pair in pairs if len(pair) == 2 and pair[0] in ours)
