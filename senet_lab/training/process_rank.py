"""The place of this process among those that torchrun or srun started together, read from the environment.

This file does not import torch, so that a command can know at once whether it is the process that prints.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from senet_lab.errors import StudyError

NAMES = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"))  # torchrun's, srun's
MEETING_PLACE = "MASTER_ADDR"  # without this variable, processes of a cluster are independent of each other


@dataclass(frozen=True, slots=True)
class OneOfMany:
    """rank: of this process among ``count``."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    @property
    def together(self) -> bool:
        """Whether there are other processes."""
        return self.count > 1


@dataclass(frozen=True, slots=True)
class ProcessRank(OneOfMany):
    """local: the number of this process on its machine, which is also that of its GPU."""

    local: int = 0


def process_rank(environment: Mapping[str, str] = os.environ) -> ProcessRank:
    """The place that the environment gives to this process; rank 0 of 1 if it was started alone.

    Raises StudyError where the variables contradict each other.
    """
    for rank_name, count_name, local_name in NAMES:
        if not all(name in environment for name in (rank_name, count_name, MEETING_PLACE)):
            continue
        values = [environment.get(name, "0") for name in (rank_name, count_name, local_name)]
        if not all(value.isdigit() for value in values) or int(values[0]) >= int(values[1]):
            said = f"{rank_name}={values[0]} with {count_name}={values[1]}"
            raise StudyError(f"{said}: start the processes with --devices, torchrun or srun")
        rank, count, local = map(int, values)
        return ProcessRank(rank, count, local) if count > 1 else ProcessRank()
    return ProcessRank()
