"""Compiled training: the network is fused (``models.fuse``) and compiled.

Before the first step is taken, it is compared with the step of the network as written.
"""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch._inductor.runtime.cache_dir_utils import cache_dir

from senet_lab.errors import StudyError
from senet_lab.models.fuse import Fused, fuse
from senet_lab.models.output_shape import device_of
from senet_lab.models.stochastic import draws_from_global_stream
from senet_lab.training.compare_step import refuse_another_step
from senet_lab.training.compiled_code import remove_unfinished

LOG = logging.getLogger("senet_lab")
Network = Callable[[Tensor], Tensor]
P = ParamSpec("P")
T = TypeVar("T", Tensor, tuple[Tensor, Tensor])
MOST_NETWORKS = 1024  # that one process may compile from the same forward code
PYTHON_HEADERS = "Python's headers (Debian: apt install python3-dev)"
MISSING_TOOLS = {  # what torch and Triton say -> what this machine lacks
    "No working C++ compiler found": "a C++ compiler (Debian: apt install g++; macOS: xcode-select --install)",
    "Failed to find C compiler": "a C compiler (Debian: apt install gcc)",
    "Python.h: No such file": PYTHON_HEADERS,
    "'Python.h' file not found": PYTHON_HEADERS,
}


def compiled_network(model: nn.Module) -> Network:
    """A network compiled for training: images B 3 H W -> logits B K. It shares the model's weights.

    Its first call in training raises StudyError where it does not compute the step of the network as written, and its
    first call of all where this machine has no compiler.
    """
    _set_compiler()
    fused = fuse(model)
    return _compared_once(_compiled(fused.network, model), model, model, fused)


def compiled_step(step: Callable[Concatenate[nn.Module, P], T], model: nn.Module) -> Callable[P, T]:
    """``step`` of this model, compiled. step: takes a network first, and returns the loss as its first value.

    The first call raises StudyError as that of ``compiled_network`` does.
    """
    _set_compiler()
    fused = fuse(model)
    network = fused.network

    def with_fused(*args: P.args, **kwargs: P.kwargs) -> T:
        return step(network, *args, **kwargs)

    return _compared_once(_compiled(with_fused, model), partial(step, model), model, fused)


def _compiled(call: Callable[P, T], model: nn.Module) -> Callable[P, T]:
    """``call`` compiled. It draws from the global stream as written code does, where the network draws from it.

    Every size of images gets code of its own. By default the second size that a process meets gets code for all sizes,
    and a run's last bits could depend on the sizes that were met before it, or before an interruption.
    """
    if not draws_from_global_stream(model):
        return torch.compile(call, dynamic=False)
    return torch.compile(call, dynamic=False, options={"fallback_random": True})


def _compared_once(call: Callable[P, T], written: Callable[P, T], model: nn.Module, fused: Fused) -> Callable[P, T]:
    """``call`` with the counting of batches before it. Its first call in training is compared with ``written``."""
    compared = False

    def begun(*args: P.args, **kwargs: P.kwargs) -> T:
        fused.begin_step()
        with _naming_missing_tools():
            return call(*args, **kwargs)

    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal compared
        if not compared:
            _choose_without_stopwatch(model)
        if not compared and model.training and torch.is_grad_enabled():
            refuse_another_step(model, fused, lambda: written(*args, **kwargs), lambda: begun(*args, **kwargs))
            compared = True
        return begun(*args, **kwargs)

    return checked


@contextmanager
def _naming_missing_tools() -> Iterator[None]:
    """Raises StudyError in place of the compiler's error where a tool that it needs is not installed."""
    try:
        yield
    except RuntimeError as error:
        missing = next((tool for said, tool in MISSING_TOOLS.items() if said in str(error)), None)
        if missing is None:
            raise
        raise StudyError(f"long runs compile their network, and this machine lacks {missing}") from error


def _set_compiler() -> None:
    """Sets the compiler so that every network of a process is compiled, and backward passes run without autocast.

    What a killed process left half compiled is removed before.

    A process may train many networks with the same forward code. By default the ninth of them would silently run
    uncompiled, and a run's speed and last bits would depend on the runs before it. Here reaching the limit is an error.
    By default the compiler also runs the backward pass under autocast, which uncompiled training does not.
    """
    _mend_compiled_code()
    torch._functorch.config.backward_pass_autocast = "off"
    dynamo = torch._dynamo.config
    dynamo.recompile_limit = dynamo.accumulated_recompile_limit = MOST_NETWORKS
    dynamo.fail_on_recompile_limit_hit = True


def _choose_without_stopwatch(model: nn.Module) -> None:
    """On CUDA, stops the compiler from choosing by measured time how sums are split, which decides their last bits.

    On a CPU it measures nothing. There the setting stays as it is, as do the names of compiled code, which contain it.
    Where the model is, is known when it is first called: Lightning moves it after it was given to the compiler.
    """
    if device_of(model).type == "cuda":
        torch._inductor.config.deterministic = True


@functools.cache
def _mend_compiled_code() -> None:
    for path in remove_unfinished(Path(cache_dir())):
        LOG.warning("half of a compiled library was left by a process that was ended; it is compiled again: %s", path)
