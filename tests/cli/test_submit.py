"""``senet-lab submit``: what is asked of a queue, and what is told of it. ``tests/cluster`` submits to a real SLURM."""

import json
import os
import pickle
import sys
from unittest.mock import Mock

import pytest

from senet_lab.cli import catalogue, studies
from senet_lab.errors import to_install
from senet_lab.fleet import submit as jobs
from senet_lab.training.stopping import EXIT_GO_ON
from tests.data.pictures import class_folders
from tests.samples import filled, finished, one_line

DEMO7 = studies.table_under(catalogue.find_table("table7"), "demo")
QUEUE = "17_0 RUNNING\n17_1 PENDING\n17_2 PENDING\n99 RUNNING\n"


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A queue with three workers of job 17 and a stranger's job."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "squeue"
    (folder / "queue").write_text(QUEUE)
    program.write_text(f"#!/bin/sh\ncat {folder}/queue\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_without_submitit_the_extra_is_named(senet_lab, monkeypatch):
    """And nothing is queued."""
    monkeypatch.setitem(sys.modules, "submitit", None)
    status, out, err = senet_lab("submit", "table7", "--executor", "local")

    assert (status, out) == (2, "")
    assert one_line(err) == f"senet-lab: submit needs submitit, which is not installed; {to_install('cluster')}"


def test_a_mistyped_table_is_said_before_anything_is_queued(senet_lab, monkeypatch):
    """Not in a job an hour later."""
    monkeypatch.setitem(sys.modules, "submitit", None)

    assert "'table77'" in one_line(senet_lab("submit", "table7", "table77")[2])


def test_the_queue_is_told_beside_what_files_say(senet_lab, tmp_path, squeue):
    """One run is recorded; of four others, and three workers of ours, it says so. A table that was not submitted has
    no worker."""
    filled(tmp_path / "results", finished(DEMO7.row("r=4").cell, 0))
    folder = tmp_path / "results" / "cache" / "submit"
    folder.mkdir(parents=True)
    lines = [
        {"jobs": ["17_0", "17_1", "17_2"], "studies": [["cvpr2018-table7", "demo", 1]]},
        {"jobs": ["5"], "studies": [["tpami-table12", "demo", 1]]},
        {"jobs": ["6_0"], "studies": [["cvpr2018-table7", "cifar10", 5]]},
    ]
    (folder / "jobs.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "torn")
    status, out, _ = senet_lab("submit", "table7", "gate", "--status", "--protocol", "demo")
    table7, gate = out.split("table7: workers in the queue: ")

    assert status == 0
    assert "1 done, 4 queued" in table7
    assert gate.startswith("2 pending, 1 running\n")
    assert gate.endswith("workers in the queue: none\n")
    assert " queued" not in gate


def test_without_a_queue_the_files_alone_tell(senet_lab, tmp_path, monkeypatch):
    """What nobody has begun is not run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, _ = senet_lab("submit", "table7", "--status", "--protocol", "demo")

    assert status == 0
    assert "5 not run\n" in out
    assert out.endswith("workers in the queue: none\n")


def test_gpus_that_nobody_would_use_are_not_asked_for(senet_lab):
    """A worker on one machine trains on one GPU: the line says what uses several, and nothing is queued."""
    for more in ([], ["--dry-run"], ["--executor", "local"]):
        status, out, err = senet_lab("submit", "table7", "--protocol", "demo", "--gpus-per-worker", "4", *more)

        assert (status, out) == (2, "")
        assert one_line(err).startswith("senet-lab: --gpus-per-worker 4: a worker on one machine trains on one GPU")
        assert err.rstrip().endswith("senet-lab train --devices 4")


def test_the_batch_script_is_shown(senet_lab):
    """One worker's command, for one table under one protocol, and nothing is queued."""
    pytest.importorskip("submitit")
    status, out, _ = senet_lab("submit", "table7", "--protocol", "demo", "--executor", "local", "--dry-run")

    assert status == 0
    assert " -m senet_lab work table7 --seeds 1 " in out
    assert "--protocol demo" in out


def test_workers_are_told_of_photos_of_ones_own(senet_lab, tmp_path):
    """By a path that holds wherever they start; and their state can be asked for."""
    pytest.importorskip("submitit")
    train = class_folders(tmp_path / "pets", train=1, test=1) / "train"
    for folder in train.iterdir():
        for index in range(300):  # as many of each class as the recipe trains on
            os.link(folder / "0.jpg", folder / f"more-{index}.jpg")
    words = ("table2", "--data", "pets", "--protocol", "imagenette-short")
    status, out, err = senet_lab("submit", *words, "--executor", "local", "--dry-run")
    told = senet_lab("status", *words, "--row", "SE-ResNet-50")

    assert status == 0, err
    assert f"--data {tmp_path / 'pets'}" in out
    assert (told[0], "2 not run" in told[1]) == (0, True)


@pytest.mark.parametrize(("minutes", "status", "waited"), [(60, EXIT_GO_ON, [3600]), (60, 0, [])])
def test_a_worker_with_too_little_time_for_another_run_waits_for_the_signal(monkeypatch, minutes, status, waited):
    """However early that is: the queue queues a job again upon its signal, and not one that ends by itself."""
    slept = []
    monkeypatch.setattr(jobs.time, "sleep", slept.append)
    monkeypatch.setattr(jobs.subprocess, "Popen", lambda words: Mock(poll=Mock(side_effect=[None, status])))
    worker = pickle.loads(pickle.dumps(jobs.Worker(("work", "table7"), minutes=minutes)))

    assert (worker(), slept) == (status, [jobs.POLL_SECONDS, *waited])
