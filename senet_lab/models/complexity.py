"""Counts of a network's parameters, and of its operations for one image.

Operations are counted by kind, so that every published counting convention can be computed from the counts.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.hooks import RemovableHandle

from senet_lab.models.blocks import is_gated
from senet_lab.models.of_cell import build_cell, countable
from senet_lab.study.cell import Cell
from senet_lab.study.conventions import Operation
from senet_lab.study.counts import Counts, network_key

WINDOWED = (nn.MaxPool2d, nn.AvgPool2d)
NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
MEAN = torch.ops.aten.mean.dim
BATCH_NORM = torch.ops.aten.native_batch_norm.default
RELU, SIGMOID = torch.ops.aten.relu.default, torch.ops.aten.sigmoid.default
ADD, MULTIPLY = torch.ops.aten.add.Tensor, torch.ops.aten.mul.Tensor
SQUEEZES = (MEAN, torch.ops.aten.amax.default, torch.ops.aten.sum.dim_IntList)


class _Arithmetic(TorchDispatchMode):
    """Counts operations on tensors, also those that are not modules, such as an addition or a mean in a ``forward``.

    weights: multiplications in convolutions, FC layers and other matrix products. added: elements of every sum of two
    maps (B C H W), where a unit adds its branches. averaged: elements that means read outside of blocks. squeezed:
    elements that means, maxima and sums over a map read inside of blocks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights = self.added = self.averaged = self.squeezed = 0
        self.blocks = 0  # how many blocks are being computed

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        # torch's own rules for the shapes of these operations would take most of the time
        if function is BATCH_NORM and args[0].is_meta:
            return torch.empty_like(args[0]), args[0].new_empty(0), args[0].new_empty(0)
        result = torch.empty_like(args[0]) if _keeps_shape(function, args) else function(*args, **(kwargs or {}))
        if counted := flop_registry.get(function.overloadpacket):
            self.weights += counted(*args, **(kwargs or {}), out_val=result) // 2  # torch counts additions too
        elif function is ADD and isinstance(args[1], Tensor) and result.ndim == 4:
            self.added += result.numel()
        elif self.blocks and function in SQUEEZES and args[0].ndim == 4:
            self.squeezed += args[0].numel()
        elif function is MEAN:
            self.averaged += args[0].numel()
        return result


def _keeps_shape(function, args) -> bool:  # type: ignore[no-untyped-def]
    """Whether an operation on the meta device certainly has a result of its first input's shape and type."""
    first = args[0] if args else None
    if not isinstance(first, Tensor) or not first.is_meta:
        return False
    if function in (ADD, MULTIPLY):
        other = args[1]
        alike = isinstance(other, Tensor) and other.is_meta and other.dtype == first.dtype
        return alike and (other.shape == first.shape or (first.ndim == 4 and other.shape == (*first.shape[:2], 1, 1)))
    return function in (RELU, SIGMOID)


def count_networks(cells: Iterable[Cell]) -> dict[str, Counts]:
    """Counts each cell's network: ``network_key`` -> counts. A network that several cells share is counted once.

    Raises what ``build_cell`` raises, and ValueError for a network that cannot take images of the protocol's size.
    """
    counts: dict[str, Counts] = {}
    for cell in cells:
        key = network_key(cell)
        if key not in counts:
            model = build_cell(cell, device="meta")
            with _told_of_size(cell, cell.protocol.image_size):
                counts[key] = complexity_of(model, cell)
    return counts


def check_training_sizes(cells: Iterable[Cell]) -> None:
    """Raises ValueError for a network that cannot take images of a size that its protocol trains at.

    Counts are of the evaluation's size alone, and may be known already.
    """
    seen: set[tuple[str, int]] = set()
    for cell in cells:
        for pixels in sorted({*cell.protocol.training_sizes} - {cell.protocol.image_size}):
            if (cell.backbone, pixels) not in seen:
                seen.add((cell.backbone, pixels))
                model = build_cell(cell, device="meta")
                with _told_of_size(cell, pixels):
                    operations(model, pixels)


@contextlib.contextmanager
def _told_of_size(cell: Cell, pixels: int) -> Iterator[None]:
    """Raises ValueError in words where a cell's network cannot take images of this size."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{cell.backbone} cannot take images of {pixels} pixels ({error}), as {cell.protocol.name} has them; "
            "choose other rows with --row, or another protocol"
        ) from None


def complexity_of(model: nn.Module, cell: Cell) -> Counts:
    """Counts of a cell's network at the protocol's image size. A detector is counted as ``DetectorWork`` runs it."""
    return complexity(countable(model, cell.protocol), cell.protocol.image_size)


def complexity(model: nn.Module, image_size: int) -> Counts:
    """Parameters, running statistics and operations of a network for one image of ``image_size`` x ``image_size``."""
    return Counts(
        trainable=sum(p.numel() for p in model.parameters()),
        statistics=sum(
            b.numel() for name, b in model.named_buffers() if name.endswith(("running_mean", "running_var"))
        ),
        operations=operations(model, image_size),
    )


def operations(model: nn.Module, image_size: int) -> dict[Operation, int]:
    """Operations of a network for one image, kind by kind. On the meta device nothing is computed."""
    counts: Counter[Operation] = Counter({kind: 0 for kind in Operation})
    arithmetic = _Arithmetic()
    hooks = _hooks(model, counts, arithmetic)
    device = next(model.parameters()).device
    training = model.training
    try:
        with torch.no_grad(), _written_attention(), arithmetic:
            model.eval()(torch.empty(1, 3, image_size, image_size, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    counts[Operation.WEIGHTS] = arithmetic.weights
    counts[Operation.ADDITION] = arithmetic.added
    counts[Operation.SQUEEZE] = arithmetic.squeezed
    counts[Operation.POOLING] += arithmetic.averaged
    counts[Operation.POOL_INPUTS] += arithmetic.averaged
    return dict(counts)


@contextlib.contextmanager
def _written_attention() -> Iterator[None]:
    """Turns off PyTorch's fused attention of evaluation, whose single operation does not show its products."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _hooks(model: nn.Module, counts: Counter[Operation], arithmetic: _Arithmetic) -> list[RemovableHandle]:
    """Hooks that count pooling, norm and scaling modules, and tell ``arithmetic`` when a block is being computed."""

    def enter(block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        arithmetic.blocks += 1

    def leave(block: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        arithmetic.blocks -= 1
        counts[Operation.SCALE] += output.numel()

    def pool(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts[Operation.POOLING] += output.numel() * _side(module) ** 2
        counts[Operation.POOL_INPUTS] += inputs[0].numel()

    def norm(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts[Operation.NORM] += output.numel()

    hooks = []
    for module in model.modules():
        if is_gated(module):
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
        elif isinstance(module, WINDOWED):
            hooks.append(module.register_forward_hook(pool))
        elif isinstance(module, NORMS):
            hooks.append(module.register_forward_hook(norm))
    return hooks


def _side(pool: nn.Module) -> int:
    assert isinstance(pool, WINDOWED)
    return pool.kernel_size if isinstance(pool.kernel_size, int) else pool.kernel_size[0]
