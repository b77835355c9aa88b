"""fuse: one pass over a finished network that prepares it for compiled training.

It looks for batch norms in sequences of modules. Each becomes a ``FusedNorm``, which also computes the block and the
ReLU that follow it; an identity stands in the place of those. An SE block with max squeeze becomes a ``MaxBlock``. The
arithmetic is in ``fused``. A module is fused only where its computation is certain: it has exactly PyTorch's type, or
it is a block that declares itself absorbable (``blocks``), and it has no hooks and no method replaced on the instance.
Everything else is compiled as it is written, including a batch norm that a module calls in its own ``forward``.

The network itself does not change. The fused network shares its parameters, its buffers and its other parts.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.models.blocks import is_absorbable, is_patched, is_plain
from senet_lab.models.fused import as_stored, max_over_space, normalise
from senet_lab.models.se_block import SEBlock
from senet_lab.models.units import ResidualUnit
from senet_lab.study.se import Squeeze

Leaf = tuple[str, nn.Module]  # a part and its path in the network


class FusedNorm(nn.Module):
    """A batch norm with the block and the ReLU after it: one computation in training, one by one in evaluation."""

    def __init__(self, norm: nn.BatchNorm2d, block: nn.Module | None, relu: bool) -> None:
        super().__init__()
        self.norm, self.relu = norm, relu
        self.block: Any = block  # an nn.Module that is an Absorbable, a combination that no type expresses

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.norm.training:
            return normalise(x_BCHW, self.norm, self.block, self.relu)
        u_BCHW = self.norm(x_BCHW)
        if self.block is not None:
            u_BCHW = self.block(u_BCHW)
        return F.relu(u_BCHW) if self.relu else u_BCHW


class MaxBlock(nn.Module):
    """An SE block with max squeeze. In training in fp16 or bf16 it computes with the rounded map (``as_stored``)."""

    def __init__(self, block: SEBlock) -> None:
        super().__init__()
        self.block = block

    def forward(self, u_BCHW: Tensor) -> Tensor:
        if self.block.training and u_BCHW.dtype in (torch.float16, torch.bfloat16):
            u_BCHW = as_stored(u_BCHW)
            return u_BCHW * self.block.excite(max_over_space(u_BCHW).flatten(1))
        scaled: Tensor = self.block(u_BCHW)
        return scaled


@dataclass(frozen=True, slots=True)
class Fused:
    """network: the fused network, for training. Call ``begin_step`` before each of its training steps."""

    network: nn.Module
    norms: tuple[nn.BatchNorm2d, ...]
    copies: tuple[tuple[nn.Module, nn.Module], ...]  # a part of the fused network, and the part that it is a copy of

    def begin_step(self) -> None:
        """Counts a batch in every fused batch norm, and puts the copied parts into their originals' mode.

        Batches are counted outside the compiled graph. Inside it, each count would be a loop of its own with a
        barrier between threads.
        """
        self.follow()
        counts = [count for norm in self.norms if norm.training and (count := norm.num_batches_tracked) is not None]
        if counts:
            torch._foreach_add_(counts, 1)

    def follow(self) -> None:
        """Puts each copied part into training or evaluation mode, as its original is."""
        for part, original in self.copies:
            if part.training is not original.training:
                part.training = original.training


def fuse(model: nn.Module) -> Fused:
    """A network that computes the same with its batch norms fused, and shares the weights."""
    replaced: dict[str, nn.Module] = {}
    for sequence in _sequences(model):
        replaced |= _replacements(sequence)
    replaced |= {path: MaxBlock(part) for path, part in model.named_modules() if _squeezes_max(part)}
    norms = tuple(part.norm for part in replaced.values() if isinstance(part, FusedNorm))
    above = {path[:end] for path in replaced for end in range(len(path)) if not end or path[end] == "."}
    copies: list[tuple[nn.Module, nn.Module]] = []
    return Fused(_rebuilt(model, "", replaced, above, copies), norms, tuple(copies))


def _rebuilt(
    module: nn.Module,
    path: str,
    replaced: dict[str, nn.Module],
    above: set[str],
    copies: list[tuple[nn.Module, nn.Module]],
) -> nn.Module:
    """The part at a path, its replacement, or a copy in which the parts below are replaced."""
    if path in replaced:
        return replaced[path]
    if path not in above:
        return module
    part = copy.copy(module)  # shares parameters, buffers and hooks; only the parts below it change
    part._modules = {
        name: None if child is None else _rebuilt(child, _join(path, name), replaced, above, copies)
        for name, child in module._modules.items()
    }
    copies.append((part, module))
    return part


def _sequences(model: nn.Module) -> Iterator[list[Leaf]]:
    """Sequences of modules in which each module takes the output of the one before it. Each is as long as possible."""
    waiting = [list(_leaves("", model))]
    while waiting:
        sequence = waiting.pop()
        yield sequence
        for path, part in sequence:
            if not is_patched(part):  # a method replaced on the instance may call the parts below in any order
                for names in _in_turn(part):
                    waiting.append([leaf for name in names for leaf in _leaves(_join(path, name), part._modules[name])])


def _in_turn(module: nn.Module) -> Iterator[tuple[str, ...]]:
    """The names of a module's parts, each in a tuple of its own. Only a ``ResidualUnit`` has two in one tuple: its
    branch and its standard site, because nothing but the site takes the branch's output."""
    names = list(module._modules)
    if type(module).forward is ResidualUnit.forward:
        yield ("transform", "at_standard")
        names = [name for name in names if name not in ("transform", "at_standard")]
    yield from ((name,) for name in names)


def _leaves(path: str, module: nn.Module | None) -> Iterator[Leaf]:
    """The module with its path; for a sequence, its parts with their paths. Identities are left out."""
    if module is None or is_plain(module, nn.Identity):
        return
    if is_plain(module, nn.Sequential):
        for name, part in module._modules.items():  # named_children would name a repeated part only once
            yield from _leaves(_join(path, name), part)
    else:
        yield path, module


def _replacements(sequence: list[Leaf]) -> dict[str, nn.Module]:
    """Which modules of a sequence are replaced: path -> replacement. A module that stands alone is not replaced."""
    found: dict[str, nn.Module] = {}
    left = list(sequence) if len(sequence) > 1 else []
    while left:
        path, norm = left.pop(0)
        if not _fusible(norm):
            continue
        block = _taken(left, found) if left and is_absorbable(left[0][1]) else None
        relu = _taken(left, found) if left and is_plain(left[0][1], nn.ReLU) else None
        found[path] = FusedNorm(norm, block, relu is not None)
    return found


def _taken(left: list[Leaf], found: dict[str, nn.Module]) -> nn.Module:
    path, part = left.pop(0)
    found[path] = nn.Identity()
    return part


def _fusible(module: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether a module is a plain batch norm with scale, shift, and running statistics that have a fixed momentum."""
    if not isinstance(module, nn.BatchNorm2d) or not is_plain(module, nn.BatchNorm2d):
        return False
    return module.affine and module.track_running_stats and module.momentum is not None


def _squeezes_max(module: nn.Module) -> TypeGuard[SEBlock]:
    return is_plain(module, SEBlock) and isinstance(module, SEBlock) and module.se.squeeze is Squeeze.MAX


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
