"""Taps read the gates of a network: of this project's blocks (``blocks``), and of timm's and torchvision's by type.

B batch, C channels, H W space.
"""

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from senet_lab.models.blocks import gated_blocks, is_gated
from senet_lab.study.se import Gate

# Types of SE blocks by name, with the attribute that holds the last non-linearity, whose output is the gate.
FOREIGN = {
    "SEModule": ("sigmoid", "gate"),  # timm: legacy SENets; ResNets, RegNets
    "SqueezeExcite": ("gate",),  # timm: EfficientNets, MobileNetV3
    "EffectiveSEModule": ("gate",),  # timm: VoVNets
    "SqueezeExcitation": ("scale_activation",),  # torchvision
}
NON_LINEARITIES = {
    "Sigmoid": Gate.SIGMOID,
    "HardSigmoid": Gate.SIGMOID,  # timm's; piecewise linear, from 0 to 1 as well
    "HardSigmoidMe": Gate.SIGMOID,
    "Hardsigmoid": Gate.SIGMOID,  # torch's
    "Tanh": Gate.TANH,
    "ReLU": Gate.RELU,
}
# layer1.2 counts stages from 1, stages.0.2 from 0; the paper's first stage is 2. Units count from 0.
PLACES = ((re.compile(r"\blayer(\d+)\.(\d+)\b"), 1), (re.compile(r"\bstages\.(\d+)\.(\d+)\b"), 2))

Listener = Callable[[int, Tensor], None]


@dataclass(frozen=True, slots=True)
class Tap:
    """Where one block's gate is read.

    name: the paper's (SE_2_3), or the module's path where that tells no stage and unit. gate: the kind, by its range;
    a hard sigmoid counts as a sigmoid, and sets ``hard``. over_space: the gate is B C H W, and its mean over H W is
    read. block: the module that computes the gate. map_holder: the module whose input is the map that is scaled.
    """

    name: str
    gate: Gate
    over_space: bool
    block: nn.Module
    map_holder: nn.Module
    hard: bool = False


def gate_taps(model: nn.Module) -> tuple[Tap, ...]:
    """The gates of a network in forward order; empty for a plain network.

    Raises ValueError where another library's block ends in a non-linearity whose range is not known.
    """
    own = tuple(
        Tap(name, Gate(getattr(block, "gate_kind", Gate.SIGMOID)), getattr(block, "over_space", False), block, block)
        for name, block in gated_blocks(model).items()
    )
    return own or tuple(_foreign_taps(model))


def named_by_resolution(
    model: nn.Module, taps: Sequence[Tap], image_BCHW: Tensor
) -> tuple[tuple[Tap, ...], dict[str, int]]:
    """The taps with names of the paper's form, and the width in pixels of each stage's maps.

    If every tap has such a name, the taps come back unchanged, without widths. Otherwise the network runs once on the
    first image of B 3 H W, and the resolution tells the stage: a map of 56 x 56 from an image of 224 is stage 2, one of
    28 x 28 is stage 3, as in ResNets. Blocks are numbered within a stage. If that run does not reach a tap, the taps
    come back unchanged too.
    """
    if all(tap.name.startswith("SE_") for tap in taps):
        return tuple(taps), {}
    sizes: dict[int, int] = {}

    def remember(index: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda module, inputs: sizes.__setitem__(index, inputs[0].shape[-1])

    hooks = [tap.map_holder.register_forward_pre_hook(remember(index)) for index, tap in enumerate(taps)]
    try:
        model(image_BCHW[:1])
    finally:
        for hook in hooks:
            hook.remove()
    named, stages = [], {}
    counts: dict[int, int] = {}
    for index, tap in enumerate(taps):
        if index not in sizes:
            return tuple(taps), {}
        stage = round(math.log2(image_BCHW.shape[-1] / sizes[index]))
        counts[stage] = counts.get(stage, 0) + 1
        stages[f"SE_{stage}"] = sizes[index]
        named.append(replace(tap, name=f"SE_{stage}_{counts[stage]}"))
    return tuple(named), stages


@contextlib.contextmanager
def tapped(taps: Sequence[Tap], listen: Listener) -> Iterator[None]:
    """While open, calls ``listen`` with every gate as it is computed: the tap's index, and s as B C.

    The network's own values do not change, and nothing is computed twice.
    """
    with contextlib.ExitStack() as stack:
        for index, tap in enumerate(taps):
            _open(tap, index, listen, stack)
        yield


def _open(tap: Tap, index: int, listen: Listener, stack: contextlib.ExitStack) -> None:
    if not is_gated(tap.block):
        hook = tap.block.register_forward_hook(lambda module, inputs, s: listen(index, _by_channel(s)))
        stack.callback(hook.remove)
        return

    def hear(u_BCHW: Tensor, s: Tensor) -> None:
        listen(index, _by_channel(s.expand(len(u_BCHW), *s.shape[1:])))

    stack.enter_context(gate_heard(tap.block, hear))


@contextlib.contextmanager
def gate_heard(block: Any, hear: Callable[[Tensor, Tensor], None]) -> Iterator[None]:
    """While open, calls ``hear`` with the map and the gate whenever ``gate`` of a gated block is called."""
    compute = block.gate

    def gate(u_BCHW: Tensor) -> Tensor:
        s: Tensor = compute(u_BCHW)
        hear(u_BCHW, s)
        return s

    vars(block)["gate"] = gate  # an instance attribute hides the method of the class
    try:
        yield
    finally:
        vars(block).pop("gate")


def _by_channel(s: Tensor) -> Tensor:
    s = s.detach()
    return s.flatten(1) if s.shape[2:].numel() == 1 else s.double().mean(dim=(2, 3))


def _foreign_taps(model: nn.Module) -> Iterator[Tap]:
    for path, module in model.named_modules():
        for attribute in FOREIGN.get(type(module).__name__, ()):
            last = getattr(module, attribute, None)
            if isinstance(last, nn.Module):
                kind = NON_LINEARITIES.get(type(last).__name__)
                if kind is None:
                    raise ValueError(f"the gate of {path} is {type(last).__name__}, whose range is not known")
                yield Tap(_name_of(path), kind, False, last, module, type(last).__name__.lower().startswith("hard"))
                break


def _name_of(path: str) -> str:
    for pattern, shift in PLACES:
        if found := pattern.search(path):
            return f"SE_{int(found[1]) + shift}_{int(found[2]) + 1}"
    return path
