"""All tensors of a network that training changes: its state dict, and the buffers that it leaves out of that."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def whole_state(model: nn.Module) -> dict[str, Tensor]:
    """The tensors by name. They share the network's memory.

    A buffer that was registered with ``persistent=False`` is in no state dict. A user's block may compute with it in
    training, so a run that goes on needs it.
    """
    state: dict[str, Tensor] = model.state_dict()
    return state | {name: buffer for name, buffer in model.named_buffers() if name not in state}


def load_whole_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Sets a network's tensors to those that ``whole_state`` gave. Raises RuntimeError where they do not fit."""
    own = model.state_dict()
    others = {name: buffer for name, buffer in model.named_buffers() if name not in own}
    model.load_state_dict({name: tensor for name, tensor in state.items() if name not in others})
    with torch.no_grad():
        for name, buffer in others.items():
            buffer.copy_(state[name])
