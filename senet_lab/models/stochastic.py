"""Networks that are random in training draw from a stream of their own, never from the global one.

A training loop sets it at the start of each epoch, so that a resumed run draws what an uninterrupted one draws:

    set_stochastic_seed(model, derive_seed(seed, "shake", epoch))

Such a part has a method ``set_stochastic_seed(seed)`` and keeps its stream, a ``torch.Generator``, as ``stream``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


def set_stochastic_seed(model: nn.Module, seed: int) -> bool:
    """Sets the stream of every part that has one; True where there was such a part. A compiled model will do."""
    parts = _parts(model)
    for part in parts:
        part.set_stochastic_seed(seed)
    return bool(parts)


def is_stochastic(model: nn.Module) -> bool:
    """Whether a network has parts that are random in training."""
    return bool(_parts(model))


@contextmanager
def kept_streams(model: nn.Module) -> Iterator[None]:
    """What is drawn inside is drawn again afterwards: the streams of all such parts are put back."""
    streams = [part.stream for part in _parts(model)]
    states = [stream.get_state() for stream in streams]
    try:
        yield
    finally:
        for stream, state in zip(streams, states, strict=True):
            stream.set_state(state)


def _parts(model: nn.Module) -> list[Any]:
    return [part for part in model.modules() if hasattr(type(part), "set_stochastic_seed")]
