"""Several processes that train one run together, each on its part of every batch, as torchrun or srun starts them.

The batch is the protocol's whatever their number. Gradients are those of the mean over the whole batch; batch norm runs
over the part of a process. Every process keeps the same weights, sums and curve; the first one writes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from senet_lab.data.batches import Share
from senet_lab.training.place import place_in

USUAL_PORT = "29500"  # torchrun's, for processes that srun starts
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that train a run together. control: the group for what is told on the host."""

    rank: int = 0
    count: int = 1
    control: Any = None

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    @property
    def together(self) -> bool:
        """Whether there are others."""
        return self.count > 1

    @property
    def share(self) -> Share:
        """This process's part of each batch, and of the evaluation images."""
        return Share(self.rank, self.count)

    def add_up(self, model: nn.Module, loss: Tensor, wrong: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """Makes every process's gradients, mean loss and number of wrong images those of the whole batch.

        weight: the part of the batch that this process made. One exchange, in an order that does not change.
        """
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        pieces = [*(gradient.reshape(-1).float() for gradient in gradients), loss.detach().reshape(1)]
        flat = torch.cat([*(piece * weight for piece in pieces), wrong.reshape(1).float()])
        dist.all_reduce(flat)
        done = 0
        for gradient in gradients:
            gradient.copy_(flat[done : done + gradient.numel()].view(gradient.shape))
            done += gradient.numel()
        return flat[-2], flat[-1].round().to(wrong.dtype)

    def most(self, number: int) -> int:
        """The largest of what the processes say."""
        if not self.together:
            return number
        told = torch.tensor(number)
        dist.all_reduce(told, dist.ReduceOp.MAX, group=self.control)
        return int(told)

    def gathered(self, mine: T) -> list[T]:
        """What every process has, in their order."""
        if not self.together:
            return [mine]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, mine, group=self.control)
        return found

    def told(self, mine: T) -> T:
        """What the first process has."""
        if not self.together:
            return mine
        told: list[Any] = [mine]
        dist.broadcast_object_list(told, src=0, group=self.control)
        found: T = told[0]
        return found

    def rows(self, mine: Tensor) -> Tensor:
        """The rows of all processes on the CPU, one after the other."""
        return torch.cat(self.gathered(mine.cpu()))

    def take_statistics(self, model: nn.Module) -> None:
        """Gives every process the first one's batch norm statistics, before an evaluation."""
        if self.together:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)


ALONE = Ranks()


def join(environment: Mapping[str, str] = os.environ, on_gpu: bool | None = None, **options: Any) -> Ranks:
    """Takes the place that torchrun or srun gave to this process; ALONE where it was started without them.

    on_gpu: whether all train on GPUs; None where they do if there is one. options: for
    ``torch.distributed.init_process_group``. Raises StudyError where the variables contradict each other.
    """
    place = place_in(environment)
    if not place.together:
        return ALONE
    backend = "nccl" if (torch.cuda.is_available() if on_gpu is None else on_gpu) else "gloo"
    os.environ.setdefault("MASTER_PORT", USUAL_PORT)
    dist.init_process_group(backend, rank=place.rank, world_size=place.count, **options)
    return Ranks(place.rank, place.count, dist.new_group(backend="gloo") if backend == "nccl" else dist.group.WORLD)


def leave(ranks: Ranks) -> None:
    """Ends the connection between processes that have all come to their end."""
    if ranks.together:
        dist.barrier(group=ranks.control)
        dist.destroy_process_group()
