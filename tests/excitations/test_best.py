"""Which recorded run is looked at where none is named."""

from types import SimpleNamespace

import pytest

from senet_lab.cli import commands_look
from senet_lab.errors import StudyError
from senet_lab.excitations import recorded_runs
from senet_lab.excitations.recorded_runs import best
from senet_lab.exporting import which_run
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, SESpec
from senet_lab.study.protocol import Dataset
from tests.tiny import TINY


def recorded(dataset: Dataset, error: float, seed: int) -> SimpleNamespace:
    """What ``best`` reads of a record."""
    protocol = SimpleNamespace(dataset=dataset)
    cell = SimpleNamespace(protocol=protocol, backbone="resnet50", se=SESpec(), key="0")
    return SimpleNamespace(run=SimpleNamespace(cell=cell, seed=seed), top1_error_pct=error, correct_top1=b"")


@pytest.fixture
def best_of(monkeypatch, tmp_path):
    """The seed of the best of these records."""
    monkeypatch.setattr(recorded_runs, "is_file", lambda path: True)
    monkeypatch.setattr(recorded_runs, "weights_path", lambda run, store: tmp_path)

    def call(photos, *records):
        monkeypatch.setattr(Store, "read_all", lambda store: list(records))
        found = best(Store(tmp_path), photos)
        return None if found is None else found.seed

    return call


def test_photos_that_nobody_named_are_not_asked_for(best_of):
    """Without a folder a run whose images are known goes first, and with one a run on photos. Among equals the data set
    decides, then the error. Where there are runs on photos alone, the best of them, so that a line asks for --data."""
    imagenet, pets = recorded(Dataset.IMAGENET, 22.0, 1), recorded(Dataset.FOLDER, 3.0, 2)
    cifar, better = recorded(Dataset.CIFAR10, 8.0, 3), recorded(Dataset.CIFAR10, 7.0, 4)

    assert best_of(False, imagenet, pets, cifar, better) == 4
    assert best_of(True, imagenet, pets, cifar, better) == 1
    assert best_of(True, cifar, better) == 4
    assert best_of(False, imagenet, pets) == 1
    assert best_of(False) is None


def test_a_run_on_photos_asks_for_them(senet_lab, monkeypatch):
    """One line, and nothing is trained in its place."""
    run = Run(cell=Cell(backbone="shufflenet", se=SESpec(), protocol=TINY), seed=0)
    monkeypatch.setattr(recorded_runs, "best", lambda store, photos: run)
    made = recorded_runs.recorded
    monkeypatch.setattr(
        recorded_runs, "recorded", lambda *words: SimpleNamespace(data=None, model=made(run, words[1], True).model)
    )
    status, _, err = senet_lab("excitations", "best")

    assert status == 2
    assert err.strip() == ("senet-lab: say with --data which images to show: cifar10, cifar100, synthetic, or a folder")


def test_photos_are_shown_to_a_row_that_is_named(monkeypatch, tmp_path):
    """Where no run is recorded, ``best`` says so instead of training a network that could not take photos."""
    run = Run(cell=Cell(backbone="cifar_resnet11_bottleneck", se=SESpec(), protocol=TINY), seed=0)
    monkeypatch.setattr(which_run, "run_of_row", lambda *_: run)
    monkeypatch.setattr(recorded_runs, "recorded", lambda of, *_: of)

    assert commands_look._of_runs("table7:r=16", None, 0, False, tmp_path, "cpu", True) == run
    with pytest.raises(StudyError, match="has no network with its weights to show these photos to"):
        commands_look._of_runs("best", None, 0, False, tmp_path, "cpu", True)
