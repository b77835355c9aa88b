"""What a module makes of zeros, in evaluation and in training mode: its output's shape, and random draws."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from senet_lab.models.stochastic import GLOBAL


def other_shape(module: nn.Module, given: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...] | str | None:
    """Runs the module on zeros of the shape ``given``, in evaluation and in training mode, and compares the outputs.

    Returns None if both are of the shape ``wanted``. Otherwise returns the shape of the first that is not, or the name
    of its type if it is no tensor.
    """
    x = torch.zeros(given, device=device_of(module))
    # The random stream is restored here and not in the Python generator below. After an error that generator stays open
    # until Python frees it. It would restore the stream only then, perhaps while other code draws from the stream.
    with torch.random.fork_rng(devices=[]):
        found = [_output(network, x) for network in _as_evaluated_and_as_trained(module)]
    return next((shape for shape in found if shape != wanted), None)


def device_of(module: nn.Module) -> torch.device:
    """Where a module's parameters are; the default device where it has none."""
    parameter = next(module.parameters(), None)
    return torch.get_default_device() if parameter is None else parameter.device


def mark_random(module: nn.Module, given: tuple[int, ...]) -> None:
    """Marks a module that draws from the global stream in training, tried on zeros of this shape.

    A copy is tried where there can be one; else the module, whose mode and buffers are restored.
    """
    x = torch.zeros(given, device=device_of(module))
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    modes = [(part, part.training) for part in module.modules()]
    try:
        tried = copy.deepcopy(module)
    except Exception:  # as for a weight that is computed from others
        tried = module
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        _output(tried.train(), x)
        drawn = not torch.equal(before, torch.get_rng_state())
        for buffer, value in buffers:
            buffer.copy_(value)
    for part, training in modes:
        part.training = training
    if drawn:
        vars(module)[GLOBAL] = True


def _as_evaluated_and_as_trained(module: nn.Module) -> Iterator[nn.Module]:
    """The module in evaluation mode, then a copy in training mode, whose statistics may move.

    The module is left in the mode it came in. A module that cannot be copied is given in evaluation mode only.
    """
    training = module.training
    yield module.eval()
    module.train(training)
    try:
        copied = copy.deepcopy(module)
    except Exception:  # then a mistake in training mode shows in training only
        return
    yield copied.train()


def _output(network: nn.Module, x: Tensor) -> tuple[int, ...] | str:
    with torch.no_grad():
        out = network(x)
    return tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
