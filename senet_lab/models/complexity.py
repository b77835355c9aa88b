"""Parameters, and the work for one image kind by kind, so that every published convention can be formed from them."""

from collections import Counter

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from senet_lab.models.se_block import SEBlock
from senet_lab.study.conventions import Operation
from senet_lab.study.counts import Counts
from senet_lab.study.se import Squeeze

WINDOWED = (nn.MaxPool2d, nn.AvgPool2d)


class _Sums(TorchDispatchMode):
    """What no module stands for. added: values of every sum of two maps (B C H W), where a unit adds its branches;
    averaged: values that means over space read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.added = 0
        self.averaged = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten.add.Tensor and isinstance(args[1], Tensor) and result.ndim == 4:
            self.added += result.numel()
        elif function is torch.ops.aten.mean.dim:
            self.averaged += args[0].numel()
        return result


def complexity(model: nn.Module, image_size: int) -> Counts:
    """Counts of a network at its input size."""
    return Counts(
        trainable=sum(p.numel() for p in model.parameters()),
        statistics=sum(
            b.numel() for name, b in model.named_buffers() if name.endswith(("running_mean", "running_var"))
        ),
        operations=operations(model, image_size),
    )


def operations(model: nn.Module, image_size: int) -> dict[Operation, int]:
    """Counts of a network for one image; a network on the meta device is counted without computing anything."""
    counts: Counter[Operation] = Counter({kind: 0 for kind in Operation})

    def averaged(values: int) -> None:
        counts[Operation.POOLING] += values
        counts[Operation.POOL_INPUTS] += values

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, SEBlock):
            counts[Operation.SQUEEZE] += 0 if module.se.squeeze is Squeeze.NONE else inputs[0].numel()
            if module.se.squeeze is Squeeze.AVG:
                averaged(-inputs[0].numel())  # a mean over space as well, but the block's own
            counts[Operation.SCALE] += output.numel()
        elif isinstance(module, nn.Linear):
            counts[Operation.WEIGHTS] += output.numel() * module.in_features
        elif isinstance(module, WINDOWED):
            counts[Operation.POOLING] += output.numel() * _side(module) ** 2
            counts[Operation.POOL_INPUTS] += inputs[0].numel()
        elif isinstance(module, nn.BatchNorm2d):
            counts[Operation.NORM] += output.numel()
        elif isinstance(module, nn.Conv1d | nn.Conv2d):
            counts[Operation.WEIGHTS] += output.numel() * module.weight[0].numel()

    counted = (SEBlock, nn.Linear, nn.Conv1d, nn.Conv2d, nn.BatchNorm2d, *WINDOWED)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, counted)]
    device = next(model.parameters()).device
    training = model.training
    try:
        with torch.no_grad(), _Sums() as sums:
            model.eval()(torch.empty(1, 3, image_size, image_size, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    counts[Operation.ADDITION] = sums.added
    averaged(sums.averaged)
    return dict(counts)


def _side(pool: nn.MaxPool2d | nn.AvgPool2d) -> int:
    return pool.kernel_size if isinstance(pool.kernel_size, int) else pool.kernel_size[0]
