"""All tensors of a network that training changes: its state dict, and the buffers that it leaves out of that.

A buffer that was registered with ``persistent=False`` is in no state dict. A user's block may compute with it in
training, so a run that goes on needs it. Final weights are the state dict alone, as PyTorch saves it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def whole_state(model: nn.Module) -> dict[str, Tensor]:
    """The tensors by name. They share the network's memory."""
    state: dict[str, Tensor] = model.state_dict()
    return state | left_out(model)


def left_out(model: nn.Module) -> dict[str, Tensor]:
    """The buffers that the state dict leaves out, by name. They share the network's memory."""
    own = model.state_dict()
    return {name: buffer for name, buffer in model.named_buffers() if name not in own}


def load_whole_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Sets a network's tensors to those that ``whole_state`` gave.

    A buffer that no state dict has stays as it is where ``state`` lacks it, as in an earlier version, or has it in
    another shape, as one that a block makes anew for each size of the map. Raises RuntimeError where the state dict
    does not fit.
    """
    others = left_out(model)
    model.load_state_dict({name: tensor for name, tensor in state.items() if name not in others})
    with torch.no_grad():
        for name, buffer in others.items():
            if name in state and state[name].shape == buffer.shape:
                buffer.copy_(state[name])
