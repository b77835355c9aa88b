"""Parameters and multiply-adds, each under a named counting convention.

Multiply-adds: one for each weight use in convolutions and fully connected layers, one for each value that the SE
block pools, one for each that it scales. Batch norm, biases, non-linearities, other pooling and the addition of
the shortcut count nothing. This reproduces the published figures to the printed digit.
"""

import torch
from torch import Tensor, nn

from senet_lab.models.se_block import SEBlock
from senet_lab.study.counts import Counts
from senet_lab.study.se import Squeeze


def complexity(model: nn.Module, image_size: int) -> Counts:
    """Counts of a network for one image; a network on the meta device is counted without computing anything."""
    return Counts(
        trainable=sum(p.numel() for p in model.parameters()),
        statistics=sum(
            b.numel() for name, b in model.named_buffers() if name.endswith(("running_mean", "running_var"))
        ),
        multiply_adds=_multiply_adds(model, image_size),
    )


def _multiply_adds(model: nn.Module, image_size: int) -> int:
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += _of_one(module, inputs[0], output)

    counted = (nn.Conv1d, nn.Conv2d, nn.Linear, SEBlock)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, counted)]
    device = next(model.parameters()).device
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.empty(1, 3, image_size, image_size, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return total


def _of_one(module: nn.Module, x: Tensor, y: Tensor) -> int:
    if isinstance(module, SEBlock):
        pooled = 0 if module.se.squeeze is Squeeze.NONE else x.numel()
        return pooled + y.numel()
    if isinstance(module, nn.Linear):
        return y.numel() * module.in_features
    return y.numel() * module.weight[0].numel()
