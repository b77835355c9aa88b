"""A small stand-in for CIFAR-100 that counts as the published data set."""

import numpy as np
import pytest

from senet_lab.data import cifar, cifar_forms
from senet_lab.data.arrays import canonical
from senet_lab.study.protocol import Dataset
from tests.data.stand_in import SMALL, no_network


@pytest.fixture(scope="package")
def published():
    """A small stand-in for CIFAR-100: images and labels of both splits, in any order."""
    rng = np.random.default_rng(0)
    return {
        split: (rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.resize(np.arange(100), n))
        for split, n in SMALL.items()
    }


@pytest.fixture
def place(tmp_path, monkeypatch, published):
    """The folder of CIFAR-100 in an empty data folder; the stand-in counts as the published data set."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    hashes = {(Dataset.CIFAR100, split): canonical(*pair).sha256 for split, pair in published.items()}
    for part in (cifar, cifar_forms):
        monkeypatch.setattr(part, "IMAGES", SMALL)
    monkeypatch.setattr(cifar, "SHA256", hashes)
    monkeypatch.setattr("torchvision.datasets.utils.download_url", no_network)
    (tmp_path / "cifar100").mkdir()
    return tmp_path / "cifar100"
