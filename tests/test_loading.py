"""Passes of data loaders: all items in order, and no process is left to be killed."""

import gc
from multiprocessing.process import BaseProcess

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from senet_lab.loading import begin_pass


class Numbers(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor(index)


@pytest.mark.parametrize(("persistent", "passes"), [(False, 1), (True, 2)])
def test_a_pass_that_the_collector_finds_ends_its_processes(monkeypatch, persistent, passes):
    """They are asked to end and do; none has to be killed."""
    killed = []
    terminate = BaseProcess.terminate
    monkeypatch.setattr(BaseProcess, "terminate", lambda self: (killed.append(self.name), terminate(self)))
    loader = DataLoader(
        Numbers(), batch_size=None, num_workers=1, persistent_workers=persistent, multiprocessing_context="fork"
    )
    found = [list(begin_pass(loader)) for _ in range(passes - 1)]
    begun = begin_pass(loader)
    next(begun)
    cycle = [begun, loader]
    cycle.append(cycle)
    del begun, cycle, loader
    gc.collect()

    assert found == [[0, 1, 2, 3]] * (passes - 1)
    assert killed == []
