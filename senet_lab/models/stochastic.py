"""Networks that are random in training draw from a stream of their own, never from the global one.

A training loop sets it at the start of each epoch, so that a resumed run draws what an uninterrupted one draws:

    set_stochastic_seed(model, derive_seed(seed, "shake", epoch))
"""

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


def _parts(model: nn.Module) -> list[Any]:
    return [part for part in model.modules() if hasattr(type(part), "set_stochastic_seed")]
