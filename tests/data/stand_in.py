"""Helpers around the stand-in for CIFAR-100: writing it, reading it, and what a refusal says."""

import numpy as np
import pytest

from senet_lab.data.cifar import cifar
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset

SMALL = {"train": 120, "test": 110}


def no_network(*args):
    """Every download fails."""
    raise OSError("no network")


def put(place, data):
    """Writes arrays as .npy files."""
    for split, (images, labels) in data.items():
        np.save(place / f"{split}_images.npy", images)
        np.save(place / f"{split}_labels.npy", labels)


def hashes():
    """The hashes of what is read."""
    data = cifar(Dataset.CIFAR100)
    return {(Dataset.CIFAR100, split): getattr(data, split).sha256 for split in SMALL}


def refusal(dataset=Dataset.CIFAR100) -> str:
    with pytest.raises(StudyError) as caught:
        cifar(dataset)
    assert "\n" not in str(caught.value)
    assert "delete" not in str(caught.value)
    assert "remove" not in str(caught.value)
    return str(caught.value)
