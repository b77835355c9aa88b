"""StaticEpoch: a training step without arguments, which a CUDA graph can hold.

All that a step reads is in tensors at fixed addresses: the random choices and learning rates of the epoch, a counter
that says which of them are next, and the sums of the epoch. A step has the same arithmetic as in the plain loop, except
that the learning rate is a tensor on the device, on a GPU in fp32.

B batch, N images of an epoch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol as Interface

import torch
from torch import Tensor, nn

from senet_lab.data.resident import ResidentData
from senet_lab.models.whole_state import whole_state
from senet_lab.training.compiled import compiled_step
from senet_lab.training.step import training_loss

WARM_UP_STEPS = 3  # before a capture: they compile, and allocate workspaces and the optimiser's buffers


class Mark(Interface):
    """A point in the work that was given to the device."""

    def wait(self) -> None:
        """Returns when the device has reached this point."""


class _Passed:
    """A mark on a CPU. All work before it is done already, so there is nothing to wait for."""

    def wait(self) -> None:
        pass


class _Event:
    """A mark on the current stream of a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event(blocking=True)  # a waiting thread sleeps, so that others can use its core
        self._event.record(torch.cuda.current_stream(device))

    def wait(self) -> None:
        self._event.synchronize()


class StaticEpoch:
    """The steps of one run under the protocol of its data.

    optimizer: is new, or has a momentum buffer for every parameter. compiled: whether the making of the batch, the
    forward pass, the loss and the backward pass are compiled.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.SGD,
        data: ResidentData,
        compiled: bool = False,
    ) -> None:
        self.model, self.optimizer, self.data = model, optimizer, data
        # Compiled code is made for this very protocol object. All runs share the data's, so they share the code.
        self.protocol = protocol = data.protocol
        self.compute = compiled_step(self._compute, model) if compiled else partial(self._compute, model)
        device = data.device
        self._step = torch.zeros(1, dtype=torch.int64, device=device)  # one element: a scalar index would be read back
        self._line_B = torch.arange(protocol.batch_size, device=device)
        self._rates = torch.zeros(protocol.steps_per_epoch, device=device, dtype=_rate_type(device))
        self._rate = torch.zeros((), device=device, dtype=_rate_type(device))
        self._draws = data.draws(0, 0)
        self._loss = torch.zeros((), device=device)
        self._wrong = torch.zeros((), dtype=torch.int64, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        for group in optimizer.param_groups:
            group["lr"] = self._rate

    def begin(self, seed: int, epoch: int, rates: Sequence[float], first: int = 0) -> None:
        """Prepares an epoch (from 0): its random choices and rates, the counter at step ``first``, and zero sums."""
        for mine, new in zip(self._draws.tensors(), self.data.draws(seed, epoch).tensors(), strict=True):
            mine.copy_(new)
        self._rates.copy_(torch.tensor(rates, dtype=self._rates.dtype))
        self.rewind()
        self._step.fill_(first)

    def rewind(self) -> None:
        """Sets the counter and the sums to zero."""
        for tensor in (self._step, self._loss, self._wrong):
            tensor.zero_()

    def step(self) -> None:
        """Takes one optimiser step on the next batch. Nothing is read back from the device."""
        self._rate.copy_(self._rates.index_select(0, self._step)[0])
        self.optimizer.zero_grad(set_to_none=True)
        loss, wrong = self.compute()
        loss.backward()
        self.optimizer.step()
        self._loss += loss.detach()
        self._wrong += wrong
        self._step += 1

    def _compute(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        images, labels = self.data.batch(self._draws.at(self._step * self.protocol.batch_size + self._line_B))
        return training_loss(network, images, labels, self.protocol)

    def sums(self) -> tuple[Tensor, Tensor]:
        """The sums of the losses and of the wrong images of the epoch so far: scalars on the device."""
        return self._loss, self._wrong

    def captured(self) -> Callable[[], None]:
        """``step`` as a CUDA graph: each call of the result takes one step.

        The graph is captured on the current stream, and must be replayed there. The default stream cannot be captured;
        a new stream then takes its place. New streams are not used otherwise: PyTorch has 32 and hands them out in
        turn, so that a new one for each run would soon be one that another thread works on.

        The warm-up steps before the capture leave no trace: weights, statistics and momentum are restored.
        """
        device = self.data.device
        current = torch.cuda.current_stream(device)
        stream = torch.cuda.Stream(device) if current == torch.cuda.default_stream(device) else current
        stream.wait_stream(current)
        self._graph = graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream), self._put_back():
            self._warm_up()
            # Other threads may use this device at the same time, so only this thread's calls can spoil the capture.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self.step()
        current.wait_stream(stream)
        return graph.replay

    def mark(self) -> Mark:
        """A mark after all the work that this thread has given to the device."""
        return _Event(self.data.device) if self.data.device.type == "cuda" else _Passed()

    def release(self) -> None:
        """Frees the graph's memory, and drops the compiled step, which refers back to this object."""
        del self.compute
        if self._graph is not None:
            self._graph.reset()
            self._graph = None

    def _warm_up(self) -> None:
        """Takes WARM_UP_STEPS steps, each on the first batch, because an epoch may have fewer batches."""
        for _ in range(WARM_UP_STEPS):
            self._step.zero_()
            self.step()
        self._step.zero_()

    def _put_back(self) -> "_StateBefore":
        return _StateBefore(self)


class _StateBefore:
    """Restores the state of a run after a capture. A momentum buffer that did not exist before is zero afterwards, with
    which the first step computes the same as without one."""

    def __init__(self, static: StaticEpoch) -> None:
        self.static = static

    def __enter__(self) -> None:
        static = self.static
        self.state = {name: tensor.clone() for name, tensor in whole_state(static.model).items()}
        self.momentum = {
            parameter: state["momentum_buffer"].clone()
            for parameter, state in static.optimizer.state.items()
            if state.get("momentum_buffer") is not None
        }

    def __exit__(self, *_: object) -> None:
        static = self.static
        with torch.no_grad():
            for name, tensor in whole_state(static.model).items():
                tensor.copy_(self.state[name])
            for parameter, state in static.optimizer.state.items():
                if parameter in self.momentum:
                    state["momentum_buffer"].copy_(self.momentum[parameter])
                elif state.get("momentum_buffer") is not None:  # a step that failed may have made an entry without one
                    state["momentum_buffer"].zero_()
        static.rewind()


def _rate_type(device: torch.device) -> torch.dtype:
    """The learning rate's type: fused SGD takes fp32 on CUDA, and on a CPU double precision, as in the plain loop."""
    return torch.float32 if device.type == "cuda" else torch.float64
