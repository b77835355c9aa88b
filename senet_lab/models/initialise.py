"""Weights from a seed. Each module has a random stream of its own, derived from the seed and the module's name.

So at equal seeds the backbone's weights are equal in every row of a table, whatever sits in its sites.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from senet_lab.study.cell import derive_seed


class Undrawn(TorchFunctionMode):
    """While it is active, new layers draw no weights. Their parameters have arbitrary values."""

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        given = kwargs or {}
        if getattr(function, "__module__", None) == nn.init.__name__:
            return args[0] if args else given["tensor"]
        return function(*args, **given)


def initialise(
    model: nn.Module, seed: int, blocks: Iterable[nn.Module] = (), unruled: Iterable[nn.Module] = ()
) -> None:
    """Sets every parameter of a network, in place.

    Convolutions: He-normal by fan-in (the initialisation that both editions cite). Linear layers, such as the
    classifier: normal with standard deviation 0.01 (not stated in the paper). Batch norm: scale 1, shift 0. Biases: 0.
    A module with ``reset(generator)`` sets its own parameters and those of all modules in it.

    blocks: a user's own blocks; those without ``reset`` keep the weights that their constructors drew, in all of their
    parts. unruled: modules (as from ``without_rule``) that keep their own parameters as they are, but not those of the
    modules in them. Raises TypeError for any other module with parameters that has no rule here.
    """
    own, kept = {id(block) for block in blocks}, {id(module) for module in unruled}
    done: set[int] = set()
    for name, module in model.named_modules():
        if id(module) in done:
            continue
        resets = sets_itself(module)
        if resets:
            module.reset(_generator(seed, name))
        if resets or id(module) in own:
            done |= {id(part) for part in module.modules()}
        elif id(module) not in kept and any(True for _ in module.parameters(recurse=False)):
            _reset(module, _generator(seed, name))


def sets_itself(module: nn.Module) -> bool:
    """Whether a module has ``reset(generator)``, which sets its parameters and those of all modules in it."""
    return callable(getattr(type(module), "reset", None))


def without_rule(model: nn.Module) -> list[nn.Module]:
    """The modules of a user's own network that have parameters but no rule here. They keep their first weights."""
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
    return [
        module
        for module in model.modules()
        if not isinstance(module, kinds)
        and not sets_itself(module)
        and any(True for _ in module.parameters(recurse=False))
    ]


def _generator(seed: int, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, "init", name))


def _reset(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01, generator=generator)
    elif isinstance(module, nn.BatchNorm2d):
        module.reset_running_stats()
        nn.init.ones_(module.weight)
    else:
        raise TypeError(f"no rule to initialise {type(module).__name__}")
    if module.bias is not None:
        nn.init.zeros_(module.bias)
