"""What a module makes of zeros, in evaluation and in training mode."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn


def other_shape(module: nn.Module, given: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...] | str | None:
    """What the module makes of zeros of the shape ``given``, in either mode, where that is not of shape ``wanted``.

    It is a shape, or the name of a type that is no tensor.
    """
    parameter = next(module.parameters(), None)
    device = parameter.device if parameter is not None else torch.get_default_device()
    x = torch.zeros(given, device=device)
    # The stream is restored here and not in the generator. An error leaves a generator open, and Python would let it
    # restore the stream when the error is collected, in the middle of another's draws.
    with torch.random.fork_rng(devices=[]):
        found = [_output(network, x) for network in _as_evaluated_and_as_trained(module)]
    return next((shape for shape in found if shape != wanted), None)


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
