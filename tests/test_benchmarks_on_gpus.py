"""What benchmarks measure on a GPU: ours as the fleet trains, others as torch comes. Rehearsed without a GPU."""

import io
import json
import os
import sys

import pytest
import torch

import benchmarks.__main__ as bench
from benchmarks import crowd, race
from senet_lab.fleet.gpu_capacity import MOST_RUNS
from senet_lab.report.speed import blocks_of
from senet_lab.study import SESpec
from tests.test_benchmarks import RESULTS

CONNECTIONS = "CUDA_DEVICE_MAX_CONNECTIONS"


@pytest.fixture
def as_torch_comes(monkeypatch):
    """Torch's defaults, and the environment of a user; both are put back."""
    for name, value in (("allow_tf32", True), ("deterministic", False), ("benchmark", False)):
        monkeypatch.setattr(torch.backends.cudnn, name, value)
    for name in ("OMP_NUM_THREADS", "GLIBC_TUNABLES", "TORCHINDUCTOR_CACHE_DIR", CONNECTIONS):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def state():
    """What decides how fast a process computes on a GPU."""
    return torch.backends.cudnn.allow_tf32, os.environ.get(CONNECTIONS)


class Pipe:
    """A parent that asks for one slice."""

    def recv(self):
        return 1, 0


@pytest.mark.parametrize(("ours", "tf32"), [(True, False), (False, True)])
def test_others_keep_the_defaults_of_torch(as_torch_comes, monkeypatch, ours, tf32):
    """TF32 in convolutions is one of them; ours computes in fp32 as its records do."""
    seen = []

    def run(pace):
        seen.append((torch.backends.cudnn.allow_tf32, torch.get_num_threads()))
        raise race.Finished

    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(race, "open", lambda *_: io.StringIO(), raising=False)
    race._contend(Pipe(), race.Contender("one", run, {}, images=1, threads=1, ours=ours))

    assert seen == [(tf32, 1)]


def test_the_two_baselines_alone_are_not_ours(monkeypatch):
    """And all contenders are told the device, which their processes are prepared for."""
    raced = []

    def fake(contenders, slices, say):
        raced.extend(contenders)
        return {one.name: [1.0] for one in contenders}

    monkeypatch.setattr(bench, "race", fake)
    bench.executors("cuda", race.Slices(1, 1), "SE-cifar_resnet20")

    assert {one.name for one in raced if not one.ours} == set(bench.BASELINES)
    assert {one.options["device"] for one in raced} == {"cuda"}


class Process:
    """One that never runs."""

    def start(self):
        pass


def test_the_process_of_a_contender_is_prepared_for_its_device(as_torch_comes, monkeypatch):
    """As many connections as the fleet's workers have, and their folder of compiled code."""
    monkeypatch.setattr(race.multiprocessing.get_context("spawn"), "Process", lambda **_: Process(), raising=False)
    race._hire(race.Contender("one", print, {"device": "cuda"}, images=1, threads=2))

    assert os.environ[CONNECTIONS] == "32"
    assert "inductor-cuda-2" in os.environ["TORCHINDUCTOR_CACHE_DIR"]


def test_runs_side_by_side_are_measured_as_the_fleet_trains_them(as_torch_comes, monkeypatch):
    """In a process of its own, which the environment reaches before torch, and with the switches of training."""
    seen = []

    class Crowd:
        def __init__(self, cell, data, compiled):
            seen.append((state(), cell.se, compiled))

        def rates(self, sizes):
            return dict.fromkeys(sizes, 2.0)

    def start(target, arguments):
        assert state() == (True, "32")  # this process keeps its switches
        target(*arguments)

    monkeypatch.setattr(crowd, "Crowd", Crowd)
    monkeypatch.setattr(crowd.ours, "resident", lambda recipe, device: None)
    monkeypatch.setattr(crowd.processes, "start", start)
    monkeypatch.setattr(crowd.processes, "end", lambda process: seen.append("ended"))
    found = bench.side_by_side("cuda", race.Slices(1, 1), "")

    assert seen == [((False, "32"), SESpec(), True), "ended"]
    assert found["steps_a_second"] == dict.fromkeys(map(str, (1, 2, 4, 8, 16, MOST_RUNS)), 2.0)


def test_a_measurement_without_an_answer_is_no_zero(monkeypatch, as_torch_comes):
    """The process that measures ended."""
    monkeypatch.setattr(crowd.processes, "start", lambda target, arguments: arguments[0].close())
    monkeypatch.setattr(crowd.processes, "end", lambda process: None)

    with pytest.raises(RuntimeError, match="side by side ended"):
        crowd.crowd_rates("cifar_resnet20", 128, "cuda", (1, 2))


def test_a_table_of_a_gpu_says_what_the_baselines_compute_in():
    """TF32 in convolutions; on a CPU there is none."""
    section = RESULTS["sections"]["executors"]
    on_a_gpu = {"executors": section | {"versions": section["versions"] | {"cuda": "13.0"}}}
    notes = [next(iter(blocks_of(RESULTS | {"sections": found}))).notes for found in (on_a_gpu, RESULTS["sections"])]

    assert ["TF32" in note[1] for note in notes] == [True, False]


def test_the_file_of_a_gpu_names_cuda(monkeypatch, tmp_path):
    """And cuDNN, whose versions change speed and numbers."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "lightning", "--device", "cuda"])
    monkeypatch.setitem(bench.SECTIONS, "lightning", lambda device, slices, networks: {"milliseconds_a_step": 1.0})
    monkeypatch.setattr(bench.provenance, "device_name", lambda device: "A GPU")
    monkeypatch.setattr(bench, "file_of", lambda device: tmp_path / "a-gpu.json")
    monkeypatch.setattr(bench, "write_readme", lambda path: None)
    bench.main()
    versions = json.loads((tmp_path / "a-gpu.json").read_text())["sections"]["lightning"]["versions"]

    assert {"cuda", "cudnn", "torch"} <= set(versions)
