"""Networks that are random in training draw from a stream of their own, never from the global one.

A training loop sets it at the start of each epoch, so that a resumed run draws what an uninterrupted one draws:

    set_stochastic_seed(model, derive_seed(seed, "shake", epoch))
"""

from typing import Any

from torch import nn


def set_stochastic_seed(model: nn.Module, seed: int) -> bool:
    """Sets the stream of every part that has one; True where there was such a part. A compiled model will do."""
    parts: list[Any] = [part for part in model.modules() if hasattr(type(part), "set_stochastic_seed")]
    for part in parts:
        part.set_stochastic_seed(seed)
    return bool(parts)
