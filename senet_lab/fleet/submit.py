"""Hands ``senet-lab work`` to a queue, as an array of workers. submitit does it, for SLURM or on this machine.

A worker on several machines runs ``senet-lab train`` instead, once for each GPU. These processes train each run
together.

A worker that is preempted or out of time saves what it trains, ends, and is queued again. The results folder alone
holds what is done, so no process has to stay alive.
"""

import contextlib
import json
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senet_lab.errors import INVALID, StudyError, to_install
from senet_lab.records.reading import read_bytes
from senet_lab.training.stopping import EXIT_GO_ON

PROGRAM = (sys.executable, "-m", "senet_lab")
ENDING_SECONDS = 120  # time that a worker gets before its time limit, to save and to be queued again
POLL_SECONDS = 1.0  # between two looks whether the command has ended
REQUEUES = 10_000  # how often a worker that is out of time is queued again: in practice always
Study = tuple[str, str, int]  # a table's slug, the names of its protocols, the number of seeds
JOBS = "jobs.jsonl"  # the file in a folder that lists the jobs queued from there
SQUEUE = ("squeue", "--me", "--noheader", "--array", "--format=%i %T")
SUBMITIT = f"submit needs submitit, which is not installed; {to_install('cluster')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of a queue.

    executor: slurm, local (processes on this machine) or debug (in this process). workers: how many. minutes: time
    limit of one worker. cpus: of one process. gpus: of one node. nodes: of one worker; several nodes train each run
    together, in a process for each GPU, or for each node without GPUs.
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
    """One job, or one task of it. It runs senet-lab with these words, and lets it save before the job ends.

    together: whether the job has several tasks, which train each run together. minutes: the time limit of the job.
    """

    words: tuple[str, ...]
    together: bool = False
    minutes: int = 0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __call__(self) -> int:
        """Trains until nothing is left. Returns the exit status. Raises RuntimeError where the command failed."""
        if self.together:  # sets the first node's name, and a port that every task derives from the job's number
            from submitit.helpers import TorchDistributedEnvironment

            TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        self.process = subprocess.Popen([*PROGRAM, *self.words])
        # Not wait(): it holds a lock of the process while it waits. The queue's signal interrupts this thread and calls
        # checkpoint() in it, which would then wait for that lock for ever.
        while (status := self.process.poll()) is None:
            time.sleep(POLL_SECONDS)
        if status == EXIT_GO_ON:
            # The time that is left is too short for another run. The queue's signal, upon which the job is queued
            # again, comes before the job's end, so this sleep never ends by itself.
            time.sleep(60 * self.minutes)
        elif status:
            raise RuntimeError(f"senet-lab {shlex.join(self.words)} ended with status {status}; its log is above")
        return status

    def checkpoint(self) -> Any:
        """Asks the command to save and end, waits for it, and returns the same work for the queue."""
        from submitit.helpers import DelayedSubmission

        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        return DelayedSubmission(self)

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "process": None}


def submit(words: Sequence[str], request: Request, folder: Path) -> list[str]:
    """Queues the workers. Returns the ids of their jobs. folder: for submitit's scripts and the workers' logs.

    Raises StudyError where submitit is not installed, or where the queue refuses the workers.
    """
    executor = _executor(request, folder)
    tasks = [Worker(tuple(words), request.nodes > 1, request.minutes) for _ in range(request.workers)]
    try:
        with executor.batch():
            jobs = [executor.submit(task) for task in tasks]
    except Exception as error:  # whatever submitit raises
        raise StudyError(f"the queue refuses: {' '.join(str(error).split())[:300]}") from None
    if request.executor == "debug":
        for job in jobs:
            job.result()
    return [job.job_id for job in jobs]


def script(words: Sequence[str], request: Request, folder: Path) -> str:
    """The batch script of one worker, to be read. Raises StudyError where submitit is not installed."""
    executor = _executor(request, folder)
    if request.executor != "slurm":
        return shlex.join([*PROGRAM, *words])
    inner = executor._executor
    text: str = inner._make_submission_file_text(inner._submitit_command_str, "worker")
    return f"{text.rstrip()}\n# each worker then runs: {shlex.join([*PROGRAM, *words])}\n"


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
    """How many minutes ``work`` may train in a job of ``minutes`` minutes: it ends before the queue's signal comes."""
    return max(0.5, minutes - 1.25 * _signal_seconds(minutes) / 60)


def _signal_seconds(minutes: int) -> int:
    """How many seconds before a job's end the queue sends its signal."""
    return min(ENDING_SECONDS, 30 * minutes)


def remember(jobs: Sequence[str], studies: Iterable[Study], folder: Path) -> None:
    """Writes down which jobs were queued for which studies, for ``queue_of``. Another command may do so at once."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"jobs": list(jobs), "studies": [list(study) for study in studies]})
    with open(folder / JOBS, "ab", buffering=0) as file:
        file.write(f"{line}\n".encode())  # one write at the end of the file


def queue_of(study: Study, folder: Path) -> Counter[str]:
    """How many workers of a study are in each state (RUNNING, PENDING, ...) of SLURM's queue.

    Empty without SLURM, and if none of these workers is in the queue.
    """
    lines = (read_bytes(folder / JOBS) or b"").decode(errors="replace").splitlines()
    ours: set[str] = set()
    for line in lines:
        with contextlib.suppress(*INVALID):  # a damaged line is ignored
            said = json.loads(line)
            if any(tuple(one[:2]) == study[:2] and one[2] >= study[2] for one in said["studies"]):
                ours.update(said["jobs"])
    try:
        found = subprocess.run(SQUEUE, capture_output=True, text=True, check=True) if ours else None
    except (OSError, subprocess.CalledProcessError):
        return Counter()
    pairs = [line.split() for line in found.stdout.splitlines()] if found else []
    return Counter(pair[1] for pair in pairs if len(pair) == 2 and pair[0] in ours)
