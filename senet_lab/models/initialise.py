"""Weights from a seed: one random stream a module, derived from the seed and the module's name.

So the backbone's weights are equal in every row of a table at equal seeds, whatever sits in its sites.
"""

import torch
from torch import nn

from senet_lab.models.se_block import SEBlock
from senet_lab.study.cell import derive_seed


def initialise(model: nn.Module, seed: int) -> None:
    """Sets every parameter in place. Convolutions: He-normal by fan-in (the initialisation that both editions cite);
    the classifier: normal, 0.01 (not stated in the paper); batch norm: 1 and 0. A block sets its own.

    Raises TypeError for a module with parameters that has no rule here.
    """
    blocks = [(name, module) for name, module in model.named_modules() if isinstance(module, SEBlock)]
    inside = {id(part) for _, block in blocks for part in block.modules()}
    for name, block in blocks:
        block.reset(_generator(seed, name))
    for name, module in model.named_modules():
        if id(module) not in inside and any(True for _ in module.parameters(recurse=False)):
            _reset(module, _generator(seed, name))


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
