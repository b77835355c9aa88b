"""Shared memory that is too small, as in a container of 64 MiB, is told in one line."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from senet_lab.data.loader_processes import LoaderProcesses
from senet_lab.errors import StudyError
from senet_lab.evaluation.decode import decoded
from senet_lab.evaluation.photo_places import PhotoPlace
from senet_lab.evaluation.photo_set import Photo


@dataclass(frozen=True)
class Item:
    pixels: list[torch.Tensor]


class Items(Dataset):
    """Tensors in a list of a dataclass, one of them without an element, as detectors' photos are."""

    def __getitem__(self, index):
        return Item([torch.full((3,), index), torch.empty(0)])


@pytest.fixture
def full(monkeypatch):
    """Torch finds no room in /dev/shm, in this process and in those that it forks."""

    def refused(tensor):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1_2_3>: Success (0)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", refused)


def test_too_little_for_training_photos_is_told(full):
    """Without the line the training would wait for ever, since the error is met in a thread of another process."""
    loader = LoaderProcesses(Items(), Path("photos"), 1, 2)

    with pytest.raises(StudyError, match=r"^/dev/shm, .* is too small; .* --shm-size=8g or --ipc=host"):
        list(loader.made(range(3)))


def test_too_little_for_an_evaluation_is_told(full):
    """Before a photo is read."""
    photo = Photo("a", 0, PhotoPlace("nowhere.jpg"))

    with pytest.raises(StudyError, match=r"^/dev/shm, .* is too small"):
        next(decoded([[photo]], [(64, 56, "bilinear")], 1))


@pytest.mark.parametrize("processes", [0, 1])
def test_items_come_from_a_process_as_from_none(processes):
    """In shared memory where another process made them."""
    found = list(LoaderProcesses(Items(), Path("photos"), processes, 2).made(range(3)))

    assert [item.pixels[0].tolist() for item in found] == [[k] * 3 for k in range(3)]
    assert {item.pixels[0].is_shared() for item in found} == {bool(processes)}
