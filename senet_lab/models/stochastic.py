"""Networks that are random in training draw from a stream of their own, never from the global one.

A training loop sets it at the start of each epoch, and a checkpoint within an epoch keeps where it is, so that a
resumed run draws what an uninterrupted one draws:

    set_stochastic_seed(model, derive_seed(seed, "shake", epoch))

Such a part has a method ``set_stochastic_seed(seed)`` and keeps its stream, a ``torch.Generator``, as ``stream``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def set_stochastic_seed(model: nn.Module, seed: int) -> bool:
    """Sets the stream of every part that has one; True where there was such a part. A compiled model will do."""
    parts = _parts(model)
    for part in parts:
        part.set_stochastic_seed(seed)
    return bool(parts)


def stream_states(model: nn.Module) -> list[Tensor]:
    """Where the stream of every random part is, uint8, in the order of the parts."""
    return [part.stream.get_state() for part in _parts(model)]


def set_stream_states(model: nn.Module, states: Sequence[Tensor]) -> None:
    """Puts every stream where ``stream_states`` found it. Raises ValueError where there are other parts."""
    for part, state in zip(_parts(model), states, strict=True):
        part.stream.set_state(state)


def is_stochastic(model: nn.Module) -> bool:
    """Whether a network has parts that are random in training."""
    return bool(_parts(model))


@contextmanager
def kept_streams(model: nn.Module) -> Iterator[None]:
    """What is drawn inside is drawn again afterwards: the streams of all such parts are put back."""
    states = stream_states(model)
    try:
        yield
    finally:
        set_stream_states(model, states)


def _parts(model: nn.Module) -> list[Any]:
    return [part for part in model.modules() if hasattr(type(part), "set_stochastic_seed")]
