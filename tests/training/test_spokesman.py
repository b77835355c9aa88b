"""Of several processes that end, one says why."""

import torch.distributed as dist

from senet_lab.training.ranks import join, leave
from senet_lab.training.spokesman import may_speak

FIRST = {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_RANK": "0", "MASTER_ADDR": "here"}
SECOND, ON_ANOTHER = FIRST | {"RANK": "1", "LOCAL_RANK": "1"}, FIRST | {"RANK": "2", "LOCAL_RANK": "0"}


def test_before_they_have_met_the_first_of_each_machine_speaks():
    """All meet the same mistake; a terminal shows it once."""
    assert [may_speak(place) for place in ({}, FIRST, SECOND, ON_ANOTHER)] == [True, True, False, True]


def test_tasks_of_srun_have_places_too():
    """With an address to meet at; without one they are independent, and each speaks."""
    task = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "1"}

    assert [may_speak(task | {"MASTER_ADDR": "here"}), may_speak(task)] == [False, True]


def test_once_they_have_met_whoever_ends_first_speaks(tmp_path):
    """A process that is not the first may know alone; who asks later is silent."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        assert [may_speak(SECOND), may_speak(FIRST), may_speak(ON_ANOTHER)] == [True, False, False]
    finally:
        leave(join({}))
        dist.destroy_process_group()
