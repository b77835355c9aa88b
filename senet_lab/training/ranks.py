"""Several processes, started by torchrun or srun, train one run together. Each computes its part of every batch.

The whole batch is the protocol's, whatever their number. Gradients are those of the mean loss over the whole batch.
Batch norm takes its statistics over one process's part. Every process has the same weights, sums and curve; the first
one writes the files.
"""

import contextlib
import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from senet_lab.data.batches import Share
from senet_lab.training.process_rank import OneOfMany, process_rank

USUAL_PORT = "29500"  # torchrun's default, also for processes that srun starts
PATIENCE = timedelta(seconds=10)  # for which a process that was paused waits for the others
# How long the others wait for what the first process does alone, such as 1,000 resamples of a detector's boxes. Steps
# keep the usual limit: their gradients travel in another group.
ALONE_LIMIT = timedelta(hours=12)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks(OneOfMany):
    """This process among those that train a run together. control: the process group for objects on the host."""

    control: Any = None

    @property
    def share(self) -> Share:
        """This process's part of each batch, and of the evaluation images."""
        return Share(self.rank, self.count)

    def add_up(self, model: nn.Module, loss: Tensor, wrong: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """Replaces the gradients in the model by those of the whole batch; returns its mean loss and wrong images.

        loss, wrong: scalars of this process's part. weight: the part's size divided by the batch's. All values travel
        in one exchange, always in the same order.
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
        """The largest number that any process gives."""
        if not self.together:
            return number
        told = torch.tensor(number)
        dist.all_reduce(told, dist.ReduceOp.MAX, group=self.control)
        return int(told)

    def gathered(self, mine: T) -> list[T]:
        """The objects of all processes, in the order of the processes. Tensors in them arrive on the CPU."""
        if not self.together:
            return [mine]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, _packed(mine), group=self.control)
        return [pickle.loads(data) for data in found]

    def told(self, mine: T) -> T:
        """The first process's object. Tensors in it arrive on the CPU."""
        if not self.together:
            return mine
        told: list[Any] = [_packed(mine)]
        dist.broadcast_object_list(told, src=0, group=self.control)
        found: T = pickle.loads(told[0])
        return found

    def rows(self, mine: Tensor) -> Tensor:
        """The rows of all processes' tensors, concatenated on the CPU in the order of the processes."""
        return torch.cat(self.gathered(mine.cpu()))

    def take_statistics(self, model: nn.Module) -> None:
        """Gives every process the first one's buffers (batch norm statistics), as is needed before an evaluation."""
        if self.together:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)


class _ToTheHost(pickle.Pickler):
    """Writes every tensor as one on the CPU. As written by torch, a tensor would be restored on its sender's device,
    which is another one than the reader's."""

    def reducer_override(self, found: object) -> Any:
        """What pickle writes instead of an object; NotImplemented for what it writes by itself."""
        if isinstance(found, Tensor) and found.device.type != "cpu":
            return found.cpu().__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return NotImplemented


def _packed(found: object) -> bytes:
    data = io.BytesIO()
    _ToTheHost(data, pickle.HIGHEST_PROTOCOL).dump(found)
    return data.getvalue()


ALONE = Ranks()


def join(environment: Mapping[str, str] = os.environ, on_gpu: bool | None = None, **options: Any) -> Ranks:
    """Connects this process to those that torchrun or srun started with it; ALONE if it was started without others.

    on_gpu: whether all of them train on GPUs; None for yes if this machine has one. options: for
    ``torch.distributed.init_process_group``. Raises StudyError where the environment's variables contradict each other.
    """
    place = process_rank(environment)
    if not place.together:
        return ALONE
    backend = "nccl" if (torch.cuda.is_available() if on_gpu is None else on_gpu) else "gloo"
    os.environ.setdefault("MASTER_PORT", USUAL_PORT)
    dist.init_process_group(backend, rank=place.rank, world_size=place.count, **options)
    return Ranks(place.rank, place.count, dist.new_group(backend="gloo", timeout=ALONE_LIMIT))


def leave(ranks: Ranks) -> None:
    """Ends the connection between the processes, once all of them have called this."""
    if ranks.together:
        dist.barrier(group=ranks.control)
        dist.destroy_process_group()


def leave_paused(ranks: Ranks) -> None:
    """As ``leave``, after a pause: waits a few seconds at most, since all is saved and a queue may kill the processes.

    A process that ends while it is connected may be aborted by its connection's threads, with another exit status.
    """
    if ranks.together:
        with contextlib.suppress(RuntimeError):  # another process is gone, or late
            dist.monitored_barrier(group=ranks.control, timeout=PATIENCE)
        dist.destroy_process_group()
