"""How many processes load photos: the cores of this process, which it has alone or shares."""

import pytest
import torch

from senet_lab.data import loader_processes as module

TORCHRUN = {"LOCAL_WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "a"}
SUBMITIT = {"LOCAL_WORLD_SIZE": "4", "SLURM_PROCID": "0"}


@pytest.mark.parametrize(
    ("environment", "on_a_gpu", "on_a_cpu"),
    [({}, 12, 10), (TORCHRUN, 3, 1), (SUBMITIT, 12, 10), ({"RANK": "0"}, 12, 10)],
)
def test_only_processes_of_torchrun_share_their_cores(monkeypatch, environment, on_a_gpu, on_a_cpu):
    """SLURM binds each task to its part already, which is what the mask shows; a CPU keeps torch's threads free."""
    monkeypatch.setattr(module, "cores", lambda: 12)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)

    assert module.loader_processes(torch.device("cuda"), environment) == on_a_gpu
    assert module.loader_processes(torch.device("cpu"), environment) == on_a_cpu


def test_there_is_always_one(monkeypatch):
    """Even where the processes outnumber the cores."""
    monkeypatch.setattr(module, "cores", lambda: 2)

    assert module.loader_processes(torch.device("cuda"), TORCHRUN) == 1
    assert module.loader_processes(torch.device("cpu"), TORCHRUN) == 1
