"""CIFAR from arrays: what is refused, and how it is said."""

import os

import numpy as np
import pytest

from senet_lab.data import cifar as module
from senet_lab.data.arrays import canonical
from senet_lab.data.cifar import cifar
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset

SMALL = {"train": 40, "test": 20}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with a small stand-in for CIFAR-100, whose hash is not checked."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    monkeypatch.setattr(module, "IMAGES", SMALL)
    rng = np.random.default_rng(0)
    place = tmp_path / "cifar100"
    place.mkdir()
    for split, n in SMALL.items():
        np.save(place / f"{split}_images.npy", rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8))
        np.save(place / f"{split}_labels.npy", rng.integers(0, 100, n))
    return place


def _refusal() -> str:
    with pytest.raises(StudyError) as caught:
        cifar(Dataset.CIFAR100)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_arrays_in_any_order_become_canonical(folder):
    """What is read is sorted, whatever order the files have."""
    images, labels = np.load(folder / "train_images.npy"), np.load(folder / "train_labels.npy")

    assert canonical(images, labels).sha256 == cifar(Dataset.CIFAR100).train.sha256


def test_a_truncated_array_is_named(folder):
    """A file cut short is damaged, and the line says which one."""
    path = folder / "train_images.npy"
    os.truncate(path, path.stat().st_size // 2)

    assert f"{path} is damaged" in _refusal()


def test_a_missing_array_is_named(folder):
    """Three of four files are not a data set."""
    (folder / "test_labels.npy").unlink()

    assert f"{folder / 'test_labels.npy'} is missing" in _refusal()


def test_a_label_beyond_the_classes_is_refused(folder):
    """Label 100 does not exist in CIFAR-100."""
    np.save(folder / "test_labels.npy", np.full(20, 100))

    assert "labels from 100 to 100" in _refusal()


def test_arrays_of_another_shape_are_refused(folder):
    """Too few images are not averaged over."""
    np.save(folder / "test_images.npy", np.zeros((19, 32, 32, 3), dtype=np.uint8))

    assert "(19, 32, 32, 3)" in _refusal()


def test_other_images_under_the_name_of_cifar10_are_refused(tmp_path, monkeypatch):
    """CIFAR-10 is known by its hash; arrays of the right shape do not pass for it."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    for split, n in module.IMAGES.items():
        np.save(tmp_path / "cifar10" / f"{split}_images.npy", np.zeros((n, 32, 32, 3), dtype=np.uint8))
        np.save(tmp_path / "cifar10" / f"{split}_labels.npy", np.zeros(n, dtype=np.int64))

    with pytest.raises(StudyError, match="are not those of the published data set"):
        cifar(Dataset.CIFAR10)


def test_a_failed_download_says_where_to_put_the_data(tmp_path, monkeypatch):
    """Without network and without arrays, the line names the folder and the variable."""

    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    monkeypatch.setattr("torchvision.datasets.CIFAR100", refuse)

    assert "set SENET_LAB_DATA to a folder" in _refusal()


@pytest.mark.data
def test_cifar10_has_the_known_statistics():
    """The channel means and deviations of CIFAR-10's training images."""
    data = cifar(Dataset.CIFAR10)

    assert (data.channel_mean, data.channel_std) == ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))
