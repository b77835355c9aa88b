"""How many runs train side by side: by cores, by memory, by what drives them."""

from dataclasses import replace

import pytest

from ablations.protocols import DEMO, IMAGENET_100EP
from senet_lab.errors import StudyError
from senet_lab.fleet import capacity, gpu_capacity, memory
from senet_lab.fleet.capacity import refuse_workers, workers_for
from senet_lab.machine import cores
from senet_lab.study import Cell, SESpec
from senet_lab.training import settings as settings_module
from senet_lab.training.settings import Executor, Settings
from tests.tiny import cell, run

RUNS = [run(seed) for seed in range(5)]


@pytest.fixture
def big_machine(monkeypatch):
    """As many cores and as much memory as a test wants."""

    def machine(cores, gib):
        monkeypatch.setattr(capacity, "cores", lambda: cores)
        monkeypatch.setattr(capacity, "available_bytes", lambda: gib << 30)

    return machine


def test_threads_share_the_cores_of_a_cpu(tmp_path, big_machine):
    """Never more workers than runs, never none; those of this machine where nothing else is said."""
    assert workers_for(Settings(), RUNS, tmp_path) <= cores()
    big_machine(cores=4, gib=1000)
    assert workers_for(Settings(threads=1), RUNS, tmp_path) == 4
    assert workers_for(Settings(threads=2), RUNS, tmp_path) == 2
    assert workers_for(Settings(threads=5), RUNS, tmp_path) == 1
    assert workers_for(Settings(threads=1), RUNS[:3], tmp_path) == 3
    assert workers_for(Settings(), [], tmp_path) == 1


def test_lightning_has_a_gpu_for_itself(tmp_path):
    """And so has a single run, without a measurement."""
    assert workers_for(Settings(device="cuda", executor=Executor.LIGHTNING), RUNS, tmp_path) == 1
    assert workers_for(Settings(device="cuda"), RUNS[:1], tmp_path) == 1


ON_PHOTOS = [replace(RUNS[0], cell=replace(cell(), backbone="resnet50", protocol=IMAGENET_100EP))]


@pytest.mark.parametrize(
    ("settings", "runs", "said"),
    [
        (Settings(device="cuda", at_once=2), RUNS, "runs with --at-once train"),
        (Settings(device="cuda", executor=Executor.LIGHTNING), RUNS, "runs that Lightning drives train"),
        (Settings(device="cuda"), [*RUNS, *ON_PHOTOS], "runs that Lightning drives train"),
        (Settings(device="cuda", executor=Executor.DEVICE), ON_PHOTOS * 2, "runs on photos train"),
    ],
)
def test_runs_whose_steps_are_no_graphs_train_one_by_one(tmp_path, monkeypatch, settings, runs, said):
    """Nothing is measured for them, and several workers are refused; one is not, nor are several on a CPU."""
    monkeypatch.setattr(gpu_capacity, "measured", lambda *_: 8)

    assert workers_for(settings, runs, tmp_path) == 1
    with pytest.raises(StudyError, match=f"on a GPU {said} one by one; leave --workers out"):
        refuse_workers(settings, runs, 2)
    refuse_workers(settings, runs, 1)
    refuse_workers(replace(settings, device="cpu"), runs, 2)


def test_runs_whose_steps_are_graphs_train_side_by_side(tmp_path, monkeypatch):
    """As many as were measured, or asked for."""
    monkeypatch.setattr(gpu_capacity, "measured", lambda *_: 8)

    assert workers_for(Settings(device="cuda"), RUNS, tmp_path) == 8
    refuse_workers(Settings(device="cuda"), RUNS, 4)


def test_memory_bounds_the_workers_of_a_cpu(tmp_path, big_machine):
    """As many as fit; one even where it may not fit."""
    need = memory.needed_bytes([cell()])
    for gib, expected in ((4 * need >> 30, (4 * need >> 30 << 30) // need), (0, 1)):
        big_machine(cores=64, gib=gib)
        assert workers_for(Settings(), [run(seed) for seed in range(64)], tmp_path) == max(1, expected)


def test_what_a_run_keeps_grows_with_its_batch():
    """Twice the images keep twice the activations, the weights stay; the largest cell decides."""
    small = Cell(backbone="cifar_resnet11_bottleneck", se=SESpec(), protocol=replace(DEMO, batch_size=128))
    large = replace(small, protocol=replace(DEMO, batch_size=256))
    one, two = memory.sizes(small), memory.sizes(large)

    assert two.kept == pytest.approx(2 * one.kept, rel=0.01)
    assert (two.largest, two.weights) == (2 * one.largest, one.weights)
    assert memory.needed_bytes([small, large]) == memory.needed_bytes([large]) > memory.needed_bytes([small])


def test_photos_are_evaluated_in_smaller_batches(monkeypatch):
    """As many as their loader makes at once; a protocol of photos beside one of small images counts for itself."""
    monkeypatch.setattr(memory, "sizes", lambda cell: memory.Sizes(weights=1 << 20, kept=10, largest=1 << 20))
    small = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=replace(DEMO, batch_size=10))
    photos = replace(small, protocol=replace(IMAGENET_100EP, batch_size=10, image_size=32, num_classes=10))
    fixed = memory.PROCESS_BYTES + (memory.STATES << 20) + memory.BATCHES * 10 * 4 * 3 * 32**2

    assert memory.needed_bytes([photos]) == fixed + int(memory.EVALUATION_FACTOR * 10) * (1 << 20)
    assert memory.needed_bytes([photos, small]) == memory.needed_bytes([small]) > memory.needed_bytes([photos])


def test_runs_on_photos_share_the_cores_for_loading(monkeypatch):
    """Each of several on a CPU has its part of the loader processes, at least one; a GPU's run has them all."""
    monkeypatch.setattr(settings_module, "cores", lambda: 32)

    assert [Settings().side_by_side(runs).loaders for runs in (1, 2, 8, 32, 40)] == [None, 15, 3, 1, 1]
    assert Settings(threads=3).side_by_side(4).loaders == 5
    assert Settings(loaders=7).side_by_side(8).loaders == 7
    assert Settings(device="cuda").side_by_side(4).loaders is None


def test_loader_processes_count_for_the_memory(tmp_path, big_machine, monkeypatch):
    """With room for one run and its loaders it is one; with twice that, and their parts of the loaders, two."""
    big_machine(cores=8, gib=0)
    monkeypatch.setattr(settings_module, "cores", lambda: 8)
    monkeypatch.setattr(memory, "needed_bytes", lambda cells, at_once: 1 << 30)
    runs = [replace(ON_PHOTOS[0], seed=seed) for seed in range(8)]

    def fit(bytes_free):
        monkeypatch.setattr(capacity, "available_bytes", lambda: bytes_free)
        return workers_for(Settings(), runs, tmp_path)

    two = 2 * ((1 << 30) + 3 * memory.LOADER_BYTES)
    eight = 8 * ((1 << 30) + memory.LOADER_BYTES)
    assert [fit(two - 1), fit(two), fit(eight - 1), fit(eight)] == [1, 2, 7, 8]


@pytest.mark.parametrize(
    ("backbone", "batch", "measured_mib"),
    [
        ("cifar_resnet29_bottleneck", 25, 1669),
        ("cifar_resnet29_bottleneck", 128, 2090),
        ("cifar_resnet11_bottleneck", 128, 1270),
    ],
)
def test_the_estimate_is_on_the_safe_side(backbone, batch, measured_mib):
    """Of what such runs of the demonstration took at their peak: not less, and not half as much more."""
    found = Cell(backbone=backbone, se=SESpec(), protocol=replace(DEMO, batch_size=batch))

    assert measured_mib <= memory.needed_bytes([found]) >> 20 < 1.5 * measured_mib
