"""Taps on the gates of a network: its own SE blocks, and those of timm's networks, found by their type.

B batch, C channels, H W space.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from senet_lab.models.registry import se_blocks
from senet_lab.models.se_block import SEBlock
from senet_lab.study.se import Gate, Squeeze

# timm's types of SE blocks by name, with the attribute that holds the last non-linearity, whose output is the gate.
FOREIGN = {"SEModule": ("sigmoid", "gate"), "SqueezeExcite": ("gate",)}
NON_LINEARITIES = {"Sigmoid": Gate.SIGMOID, "HardSigmoid": Gate.SIGMOID, "Tanh": Gate.TANH, "ReLU": Gate.RELU}
# layer1.2 counts stages from 1, stages.0.2 and blocks.0.2 from 0; the paper's first stage is 2. Units count from 0.
PLACES = ((re.compile(r"\blayer(\d+)\.(\d+)\b"), 1), (re.compile(r"\b(?:stages|blocks)\.(\d+)\.(\d+)\b"), 2))

Listener = Callable[[int, Tensor], None]


@dataclass(frozen=True, slots=True)
class Tap:
    """One block's gate. name: the paper's (SE_2_3). over_space: the gate keeps H W, and is averaged over it."""

    name: str
    gate: Gate
    over_space: bool
    block: nn.Module


def gate_taps(model: nn.Module) -> tuple[Tap, ...]:
    """The gates of a network in forward order; empty for a plain network.

    Raises ValueError where a foreign block ends in a non-linearity of no known range.
    """
    own = tuple(
        Tap(name, block.se.gate, block.se.squeeze is Squeeze.NONE, block) for name, block in se_blocks(model).items()
    )
    return own or tuple(_foreign_taps(model))


@contextlib.contextmanager
def tapped(taps: Sequence[Tap], listen: Listener) -> Iterator[None]:
    """While open, ``listen`` is told every gate as it is computed: the tap's index, and s as B C.

    The values that the network goes on with are untouched, and nothing is computed twice.
    """
    with contextlib.ExitStack() as stack:
        for index, tap in enumerate(taps):
            stack.callback(_open(tap, index, listen))
        yield


def _open(tap: Tap, index: int, listen: Listener) -> Callable[[], Any]:
    block: Any = tap.block
    if not isinstance(block, SEBlock):
        hook = block.register_forward_hook(lambda module, inputs, s: listen(index, _by_channel(s)))
        return hook.remove
    compute = block.gate

    def gate(u_BCHW: Tensor) -> Tensor:
        s = compute(u_BCHW)
        listen(index, _by_channel(s))
        return s

    block.__dict__["gate"] = gate  # before the method of the class
    return lambda: block.__dict__.pop("gate")


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
                yield Tap(_name_of(path), kind, False, last)
                break


def _name_of(path: str) -> str:
    for pattern, shift in PLACES:
        if found := pattern.search(path):
            return f"SE_{int(found[1]) + shift}_{int(found[2]) + 1}"
    return path
