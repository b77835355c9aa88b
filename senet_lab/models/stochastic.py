"""Random parts of a network, such as dropout, draw from a stream of their own, never from the global one.

A random part has a method ``set_stochastic_seed(seed)``, and its stream, a ``torch.Generator``, is ``stream``. A
training loop seeds it at the start of each epoch:

    set_stochastic_seed(model, derive_seed(seed, "stochastic", epoch))

A checkpoint within an epoch holds the stream's state, so that a resumed run draws what an uninterrupted one draws.

A user's module may draw from the global stream, as ``nn.Dropout`` does. It is marked, and the global stream is then
seeded and kept like the others.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from senet_lab.study.cell import derive_seed

P = ParamSpec("P")
T = TypeVar("T")
GLOBAL = "draws_from_global_stream"  # the attribute of a marked module


class TorchStream:
    """PyTorch's global streams, of the CPU and of the CUDA device, with the methods of a ``torch.Generator``."""

    def get_state(self) -> Tensor:
        """The states, one after the other: uint8."""
        states = [torch.get_rng_state()]
        if torch.cuda.is_initialized():
            states.append(torch.cuda.get_rng_state())
        return torch.cat(states)

    def set_state(self, state: Tensor) -> None:
        """Restores what ``get_state`` gave."""
        size = len(torch.get_rng_state())
        torch.set_rng_state(state[:size])
        if len(state) > size:
            torch.cuda.set_rng_state(state[size:])


class GlobalStream:
    """Stands for all parts of a network that draw from PyTorch's global stream in training."""

    stream = TorchStream()

    def set_stochastic_seed(self, seed: int) -> None:
        """Seeds the global streams."""
        torch.manual_seed(derive_seed(seed, "global"))


def draws_from_global_stream(model: nn.Module) -> bool:
    """Whether a network has a part that draws from PyTorch's global stream, by ``mark_random``."""
    return any(GLOBAL in vars(part) for part in model.modules())


def uncompiled(method: Callable[P, T]) -> Callable[P, T]:
    """The method, left out of compilation, because the compiler cannot trace draws from a ``torch.Generator``.

    ``torch.compiler.disable`` would load the compiler as soon as the class is declared, so that importing the networks
    would take twice as long. ``_disable_dynamo`` loads it at the first call. PyTorch's own optimisers use it too.
    """
    disable: Any = getattr(torch, "_disable_dynamo", torch.compiler.disable)
    left: Callable[P, T] = disable(method)
    return left


def set_stochastic_seed(model: nn.Module, seed: int) -> bool:
    """Seeds the stream of every random part; returns whether there is one. ``model`` may be a compiled one."""
    parts = _parts(model)
    for part in parts:
        part.set_stochastic_seed(seed)
    return bool(parts)


def stream_states(model: nn.Module) -> list[Tensor]:
    """The state of every random part's stream, uint8 each, in the order of the parts."""
    return [part.stream.get_state() for part in _parts(model)]


def set_stream_states(model: nn.Module, states: Sequence[Tensor]) -> None:
    """Restores the states that ``stream_states`` gave. Raises ValueError for another number of random parts."""
    for part, state in zip(_parts(model), states, strict=True):
        part.stream.set_state(state)


def is_stochastic(model: nn.Module) -> bool:
    """Whether a network has parts that are random in training."""
    return bool(_parts(model))


@contextmanager
def kept_streams(model: nn.Module) -> Iterator[None]:
    """Restores the streams of all random parts on leaving, so that what is drawn inside is drawn again afterwards."""
    states = stream_states(model)
    try:
        yield
    finally:
        set_stream_states(model, states)


def _parts(model: nn.Module) -> list[Any]:
    own: list[Any] = [part for part in model.modules() if hasattr(type(part), "set_stochastic_seed")]
    return [*own, GlobalStream()] if draws_from_global_stream(model) else own
