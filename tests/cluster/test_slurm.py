"""Workers in a real SLURM on this machine: preempted, killed and out of time, they leave every record once."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.slurm import cluster, missing

pytest.importorskip("submitit")
TABLE = """
from dataclasses import replace
from ablations.protocols import DEMO
from senet_lab.study import Cell, Row, SESpec, Table
P = replace(DEMO, name="queue", title="synthetic images, for a queue", train_images=200, test_images=100, epochs=15)
BASE = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=P)
TABLE = Table(edition="queue", number="1", topic="queue", caption="Five rows", baseline="plain", companions={}, rows=(
    Row("plain", BASE), *(Row(f"r={r}", replace(BASE, se=SESpec(reduction=r))) for r in (2, 4, 8, 16)),
))
"""
ROOT = Path(__file__).parents[2]


def command(*words: str, environment=None, **options):
    """A senet-lab command in a process of its own."""
    environment = (environment or os.environ) | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "senet_lab", *words], env=environment, capture_output=True, text=True, **options
    )


def hits(root: Path) -> dict[str, tuple[str, str]]:
    """What each record says of each image, by the record's place."""
    found = {}
    for path in sorted((root / "records").rglob("*.json")):
        body = json.loads(path.read_text())
        found[str(path.relative_to(root))] = body["correct_top1"], body["correct_top5"]
    return found


def scontrol(environment, *words: str) -> str:
    """What scontrol prints."""
    return subprocess.run(["scontrol", *words], env=environment, capture_output=True, text=True, check=False).stdout


def running(environment) -> list[tuple[str, str]]:
    """The jobs that run: the number of each, and its place in the array."""
    words = ["squeue", "-h", "-t", "R", "-o", "%A %i"]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return [tuple(line.split()) for line in found.stdout.splitlines()]


def pids_of(environment, job: str) -> list[int]:
    """The processes of `senet-lab work` in a job."""
    listed = scontrol(environment, "listpids", job).split("\n")[1:]
    pids = [int(line.split()[0]) for line in listed if line.split() and line.split()[0].isdigit()]
    return [pid for pid in pids if b"senet_lab" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def until(condition, seconds: float, what: str):
    """Waits; fails with what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=f"needs SLURM and root; missing here: {', '.join(missing())}")
def test_ten_records_survive_preemption_a_kill_and_the_time_limit(tmp_path):
    """Five rows x two seeds through three workers: one is requeued, one killed, one told that its time is over. Every
    record is there once, bit for bit that of an undisturbed run."""
    (tmp_path / "queue_table.py").write_text(TABLE)
    table = str(tmp_path / "queue_table.py")
    calm, shared = tmp_path / "calm", tmp_path / "shared"
    assert command("train", table, "--seeds", "2", "--results", str(calm), "--workers", "2").returncode == 0
    with cluster(tmp_path / "slurm") as environment:
        words = ["submit", table, "--seeds", "2", "--workers", "3", "--results", str(shared), "--time", "30"]
        submitted = command(*words, environment=environment)
        assert submitted.returncode == 0, submitted.stderr
        jobs = until(lambda: len(found := running(environment)) == 3 and found, 60, "three running workers")
        until(
            lambda: list((shared / "cache").rglob("*.lock")) or list((shared / "cache").rglob("*lease*")), 90, "a claim"
        )
        scontrol(environment, "requeue", jobs[0][1])
        for pid in until(lambda: pids_of(environment, jobs[1][0]), 60, "processes of the second worker"):
            os.kill(pid, signal.SIGKILL)
        # What SLURM sends before a job's time is over; a limit of minutes would make this test as long.
        subprocess.run(["scancel", "--signal=USR2", jobs[2][1]], env=environment, check=True)
        until(lambda: len(hits(shared)) == 10, 500, f"ten records; {hits(shared).keys()}")

    assert hits(calm) == hits(shared)
    assert len(hits(shared)) == 10


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=f"needs SLURM and root; missing here: {', '.join(missing())}")
@pytest.mark.skipif(socket.gethostname().startswith("localhost"), reason="two nodes need two names of this machine")
def test_two_machines_train_a_run_together_and_go_on_after_preemption(tmp_path):
    """One job of two nodes, requeued in the middle: the bits are those of two processes on one machine."""
    (tmp_path / "queue_table.py").write_text(TABLE)
    words = [str(tmp_path / "queue_table.py"), "--results"]
    calm, shared = tmp_path / "calm", tmp_path / "shared"
    trained = command("train", *words, str(calm), "--devices", "2")
    assert trained.returncode == 0, trained.stderr
    with cluster(tmp_path / "slurm", nodes=2) as environment:
        submitted = command("submit", *words, str(shared), "--nodes", "2", "--time", "30", environment=environment)
        assert submitted.returncode == 0, submitted.stderr
        until(lambda: hits(shared), 240, "a record")
        scontrol(environment, "requeue", running(environment)[0][0])
        until(lambda: len(hits(shared)) == 5, 400, f"five records; {hits(shared).keys()}")

    assert hits(calm) == hits(shared)
    body = json.loads(next((shared / "records").rglob("*.json")).read_text())
    assert {part["processes"] for part in body["provenance"]["parts"]} == {2}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table7", "--executor", "local"], "--nodes 2 needs SLURM; leave --executor local out"),
        (["table7", "tpami-table10"], "--nodes 2 trains one table; submit table7 and tpami-table10 one by one"),
    ],
)
def test_what_several_machines_cannot_do_together_is_said(senet_lab, words, said):
    """Before anything is queued."""
    status, out, err = senet_lab("submit", *words, "--protocol", "demo", "--nodes", "2")

    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["--workers", "4", "--time", "90", "--partition", "gpu", "--gpus-per-worker", "1"],
            ["#SBATCH --partition=gpu", "#SBATCH --time=90", "senet_lab work table7 --seeds 1", "--max-minutes 87.5"],
        ),
        (
            ["--nodes", "2", "--gpus-per-worker", "8", "--cpus-per-worker", "12"],  # a task for each GPU
            [
                "#SBATCH --nodes=2",
                "#SBATCH --ntasks-per-node=8",
                "#SBATCH --gpus-per-node=8",
                "senet_lab train table7 --seeds 1",
                "--threads 12",
            ],
        ),
    ],
    ids=["four workers", "two machines"],
)
def test_submit_prints_the_batch_script(senet_lab, tmp_path, monkeypatch, words, lines):
    """What the queue is asked for, and the command of each worker or task; nothing is queued."""
    srun = tmp_path / "bin" / "srun"  # by which submitit knows a cluster
    srun.parent.mkdir()
    srun.write_text("#!/bin/sh\nexit 1\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(srun.parent), prepend=os.pathsep)

    status, out, _ = senet_lab("submit", "table7", *words, "--protocol", "demo", "--dry-run")

    assert status == 0
    assert [line for line in lines if line not in out] == []


def test_where_slurm_is_not_here_it_is_said(senet_lab, tmp_path, monkeypatch):
    """A laptop has no srun."""
    monkeypatch.setenv("PATH", str(tmp_path))

    status, out, err = senet_lab("submit", "table7", "--protocol", "demo", "--dry-run")

    assert (status, out) == (2, "")
    assert "slurm is not here" in err
    assert "--executor local runs workers here" in err


def test_a_mistyped_table_is_said_before_anything_is_queued(senet_lab):
    """Not in the log of a job."""
    status, out, err = senet_lab("submit", "tabel7", "--executor", "debug")

    assert (status, out) == (2, "")
    assert "no table is called 'tabel7'" in err


def test_without_submitit_the_extra_is_named(senet_lab, monkeypatch):
    """The core does not need it."""
    monkeypatch.setitem(sys.modules, "submitit", None)
    status, _, err = senet_lab("submit", "table7", "--protocol", "demo", "--executor", "local")

    assert status == 2
    assert err.strip().endswith("-e '.[cluster]'")
