"""The steps of an epoch as a function without arguments, which a CUDA graph can hold.

Everything that a step reads lies in tensors that stay where they are: the random choices and learning rates of the
epoch, a counter that says which of them are next, the sums of the curve. A step is the same arithmetic as in the
plain loop; only the learning rate is a tensor of the device, in fp32 there.

B batch, N images of an epoch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol as Interface

import torch
from torch import Tensor, nn

from senet_lab.data.resident import ResidentData
from senet_lab.training.compiled import compiled_step
from senet_lab.training.step import training_loss

WARM_UP_STEPS = 3  # before a capture: compiling, workspaces, buffers of the optimiser


class Mark(Interface):
    """A point in what the device was given to do."""

    def wait(self) -> None:
        """Returns when the device has come there."""


class _Passed:
    """A point that the device has passed already, as a CPU always has."""

    def wait(self) -> None:
        pass


class _Event:
    """A point on the current stream of a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event(blocking=True)  # the waiting thread sleeps: cores are for those that queue steps
        self._event.record(torch.cuda.current_stream(device))

    def wait(self) -> None:
        self._event.synchronize()


class StaticEpoch:
    """The steps of one run under the protocol of its data. compiled: whether batch, forward, loss and backward are.

    The optimiser is new, or has a momentum buffer for every parameter.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.SGD,
        data: ResidentData,
        compiled: bool = False,
    ) -> None:
        self.model, self.optimizer, self.data = model, optimizer, data
        # The data's own protocol and no equal one: compiled code is made for the very object, and all runs share this.
        self.protocol = protocol = data.protocol
        self.compute = compiled_step(self._compute, model) if compiled else partial(self._compute, model)
        device = data.device
        self._step = torch.zeros(1, dtype=torch.int64, device=device)  # as an index of one: a scalar would be read back
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
        """Puts the choices and rates of an epoch (from 0) in place, the counter to its first step that is to do, and
        the sums back to zero."""
        for mine, new in zip(self._draws.tensors(), self.data.draws(seed, epoch).tensors(), strict=True):
            mine.copy_(new)
        self._rates.copy_(torch.tensor(rates, dtype=self._rates.dtype))
        self.rewind()
        self._step.fill_(first)

    def rewind(self) -> None:
        """Puts the counter and the sums back to zero."""
        for tensor in (self._step, self._loss, self._wrong):
            tensor.zero_()

    def step(self) -> None:
        """One optimiser step on the next batch; nothing is read back from the device."""
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
        """Loss and wrong images of the epoch so far, scalars on the device."""
        return self._loss, self._wrong

    def captured(self) -> Callable[[], None]:
        """``step`` as a CUDA graph: call it as often as ``step`` is wanted.

        It is captured on the current stream, and to be replayed there; on one that is new where the current one is the
        default, which cannot be captured. PyTorch has 32 streams and hands them out in turn, so that a new one for each
        run would before long be the one that a neighbour works on.

        The steps that come before a capture leave no trace: weights, statistics and momentum are put back.
        """
        device = self.data.device
        current = torch.cuda.current_stream(device)
        stream = torch.cuda.Stream(device) if current == torch.cuda.default_stream(device) else current
        stream.wait_stream(current)
        self._graph = graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream), self._put_back():
            self._warm_up()
            # Other threads may train on this device meanwhile: only this thread's mistakes are errors.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self.step()
        current.wait_stream(stream)
        return graph.replay

    def mark(self) -> Mark:
        """The point after all that the device was given by this thread."""
        return _Event(self.data.device) if self.data.device.type == "cuda" else _Passed()

    def release(self) -> None:
        """Gives back what the graph holds, and lets go of the compiled step, which holds this object in turn."""
        del self.compute
        if self._graph is not None:
            self._graph.reset()
            self._graph = None

    def _warm_up(self) -> None:
        """The first batch over and over: an epoch may be shorter than the steps that this takes."""
        for _ in range(WARM_UP_STEPS):
            self._step.zero_()
            self.step()
        self._step.zero_()

    def _put_back(self) -> "_StateBefore":
        return _StateBefore(self)


class _StateBefore:
    """The state of a run that a capture must leave as it was. A momentum buffer that was not there before is there
    after, and zero, which the first step takes for none."""

    def __init__(self, static: StaticEpoch) -> None:
        self.static = static

    def __enter__(self) -> None:
        static = self.static
        self.state = {name: tensor.clone() for name, tensor in static.model.state_dict().items()}
        self.momentum = {
            parameter: state["momentum_buffer"].clone()
            for parameter, state in static.optimizer.state.items()
            if state.get("momentum_buffer") is not None
        }

    def __exit__(self, *_: object) -> None:
        static = self.static
        with torch.no_grad():
            for name, tensor in static.model.state_dict().items():
                tensor.copy_(self.state[name])
            for parameter, state in static.optimizer.state.items():
                if parameter in self.momentum:
                    state["momentum_buffer"].copy_(self.momentum[parameter])
                else:
                    state["momentum_buffer"].zero_()
        static.rewind()


def _rate_type(device: torch.device) -> torch.dtype:
    """CUDA's fused SGD takes its rate in fp32; the CPU's in double precision, as the plain loop has it."""
    return torch.float32 if device.type == "cuda" else torch.float64
