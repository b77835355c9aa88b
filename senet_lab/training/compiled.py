"""Compiled training: the network is fused (``models.fuse``) and compiled, and its first step is compared with what is
written before it is taken."""

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from senet_lab.models.fuse import Fused, fuse
from senet_lab.training.compare_step import refuse_another_step

Network = Callable[[Tensor], Tensor]
P = ParamSpec("P")
T = TypeVar("T", Tensor, tuple[Tensor, Tensor])
MOST_NETWORKS = 1024  # of one family that a process compiles


def compiled_network(model: nn.Module) -> Network:
    """The same network, compiled for training; it shares the weights.

    Its first call in training raises StudyError where it is not the step of the network as written.
    """
    _set_compiler()
    fused = fuse(model)
    return _compared_once(torch.compile(fused.network), model, model, fused)


def compiled_step(step: Callable[Concatenate[nn.Module, P], T], model: nn.Module) -> Callable[P, T]:
    """A function of a network's training step, compiled for this model; ``step`` gives the loss first.

    Its first call raises as that of ``compiled_network``.
    """
    _set_compiler()
    fused = fuse(model)
    network = fused.network

    def with_fused(*args: P.args, **kwargs: P.kwargs) -> T:
        return step(network, *args, **kwargs)

    return _compared_once(torch.compile(with_fused), partial(step, model), model, fused)


def _compared_once(call: Callable[P, T], written: Callable[P, T], model: nn.Module, fused: Fused) -> Callable[P, T]:
    """``call``, for which batches are counted; the first in training is compared with ``written``."""
    compared = False

    def begun(*args: P.args, **kwargs: P.kwargs) -> T:
        fused.begin_step()
        return call(*args, **kwargs)

    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal compared
        if not compared and model.training and torch.is_grad_enabled():
            refuse_another_step(model, fused, lambda: written(*args, **kwargs), lambda: begun(*args, **kwargs))
            compared = True
        return begun(*args, **kwargs)

    return checked


def _set_compiler() -> None:
    """Every network of a process is compiled, and its backward pass keeps the types of the forward pass.

    A process may train many networks whose forward is the same code. By default the ninth of them would silently run
    uncompiled, so that a run's speed and last bits depended on the runs before it; here reaching the limit is an error.
    By default the compiler also puts the backward pass under autocast, which it is not without a compiler.
    """
    torch._functorch.config.backward_pass_autocast = "off"
    dynamo = torch._dynamo.config
    dynamo.recompile_limit = dynamo.accumulated_recompile_limit = MOST_NETWORKS
    dynamo.fail_on_recompile_limit_hit = True
