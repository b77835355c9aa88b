"""Networks with one fault each, and the checks that catch it.

The right network is cifar_resnet29_bottleneck (stages of 64, 128, 256; r = 8; FC layers without biases); every mutant
changes one thing. Three checks, each of which passes on the right network:

- parameters: weights and biases equal the closed form;
- multiply-adds: those of one image equal the closed form;
- forward: logits and names of the weights equal those of the forward pass written out in ``written_out``.

``MUTANTS`` names what catches each: exactly those checks. The counts alone pass eleven of the faults: that is why the
forward pass is written out. The forward pass alone passes two, since it takes hidden widths from the weights.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from senet_lab.models.complexity import complexity
from senet_lab.models.registry import build_model, se_blocks
from senet_lab.models.se_block import SEBlock
from senet_lab.study import SESpec
from senet_lab.study.cell import canonical_json
from senet_lab.study.counts import Counts
from tests.models.written_out import (
    FACTS,
    Forward,
    Weights,
    images,
    multiply_add_count,
    parameter_count,
    unsettle,
)

NAME, CLASSES, SIZE = "cifar_resnet29_bottleneck", 10, 32
SE = SESpec(reduction=8)


def check_parameters(model: nn.Module, counts: Counts, se: SESpec) -> None:
    """Weights and biases: the closed form."""
    assert parameter_count(FACTS[NAME], CLASSES, se) == counts.trainable


def check_multiply_adds(model: nn.Module, counts: Counts, se: SESpec) -> None:
    """Multiply-adds of one image: the closed form."""
    assert multiply_add_count(FACTS[NAME], CLASSES, SIZE, se) == counts.multiply_adds


def check_forward(model: nn.Module, counts: Counts, se: SESpec) -> None:
    """Logits of the written-out forward pass, which knows every weight and misses none."""
    model = unsettle(model)
    weights, x = Weights(model), images(1, SIZE)
    with torch.no_grad():
        try:
            expected = Forward(weights, FACTS[NAME], se)(x)
        except KeyError as missing:
            raise AssertionError(f"no weight {missing}") from None
        torch.testing.assert_close(model(x), expected, rtol=1e-8, atol=1e-8)

    assert set() == weights.unread


CHECKS = {"parameters": check_parameters, "multiply-adds": check_multiply_adds, "forward": check_forward}


def caught_by(model: nn.Module, se: SESpec) -> set[str]:
    """The names of the checks that fail."""
    failed, counts = set(), complexity(model, SIZE)
    for name, check in CHECKS.items():
        try:
            check(model, counts, se)
        except AssertionError:
            failed.add(name)
    return failed


# ---- The faults: each takes the right network and changes it in place


def units(model: nn.Module) -> list[nn.Module]:
    return [unit for stage in model.stages for unit in stage]


def se_moved_behind_the_addition(model):
    for unit in units(model):
        unit.at_post, unit.at_standard = unit.at_standard, unit.at_post


class Passing(nn.Module):
    """Holds weights and does nothing."""

    def forward(self, u):
        return u


class Moved(nn.Module):
    """Computes a block whose weights are registered elsewhere."""

    def __init__(self, block):
        super().__init__()
        self.hidden = [block]

    def gate(self, u):
        return self.hidden[0].gate(u)

    def forward(self, u):
        return u * self.gate(u)


def _moved_in_front_of(block: SEBlock, module: nn.Module) -> None:
    """The block scales the input of another module; its own place passes its input on."""
    module.add_module("moved", Moved(copy.copy(block)))
    block.__class__ = Passing
    module.register_forward_pre_hook(lambda module, inputs: (module.moved(inputs[0]),))


def se_moved_before_the_last_batch_norm(model):
    for unit in units(model):
        _moved_in_front_of(unit.at_standard, unit.transform[5][1])


def se_missing_in_one_unit(model):
    units(model)[4].at_standard = nn.Identity()


def se_shared_by_two_units(model):
    units(model)[2].at_standard = units(model)[1].at_standard


def se_twice_in_one_unit(model):
    units(model)[4].at_post = SEBlock(128, SE)


def se_bias_added(model):
    for block in se_blocks(model).values():
        for layer in (block.excitation.reduce, block.excitation.expand):
            layer.bias = nn.Parameter(torch.zeros(layer.out_features))


def _rehidden(model, hidden: Callable[[int], int]):
    for block in se_blocks(model).values():
        h = hidden(block.channels)
        block.excitation.reduce = nn.Linear(block.channels, h, bias=False)
        block.excitation.expand = nn.Linear(h, block.channels, bias=False)


def se_hidden_width_rounded_up(model):
    """Widths 4, 8, 16 at r = 16 become 8, 8, 16."""
    _rehidden(model, lambda channels: -(-channels // 16 // 8) * 8)


def se_reduction_from_the_inner_width(model):
    _rehidden(model, lambda channels: channels // 4 // SE.reduction)


class WithoutReLU(nn.Module):
    def __init__(self, excitation):
        super().__init__()
        self.reduce, self.expand = excitation.reduce, excitation.expand

    def forward(self, z):
        return self.expand(self.reduce(z))


def se_relu_removed(model):
    for block in se_blocks(model).values():
        block.excitation = WithoutReLU(block.excitation)


def _respecified(model, **fields):
    for block in se_blocks(model).values():
        block.se = replace(block.se, **fields)


def gate_swapped(model):
    _respecified(model, gate="tanh")


def gate_added_to_one(model):
    for block in se_blocks(model).values():
        block.register_forward_hook(lambda block, inputs, output: output + inputs[0])


def squeeze_swapped(model):
    _respecified(model, squeeze="max")


def _regated(model, gate: Callable[[SEBlock, torch.Tensor], torch.Tensor]) -> None:
    for block in se_blocks(model).values():
        block.gate = lambda u, block=block: gate(block, u)[:, :, None, None]


def squeeze_by_the_sum(model):
    _regated(model, lambda block, u: torch.sigmoid(block.excitation(u.sum((2, 3)))))


def stride_moved_to_the_3x3(model):
    for unit in units(model):
        first, second = unit.transform[0][0], unit.transform[2][0]
        first.stride, second.stride = second.stride, first.stride


def norm_dropped_in_the_shortcut(model):
    units(model)[3].shortcut[1] = nn.Identity()


def norm_with_another_epsilon(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3


def relu_dropped_after_the_addition(model):
    for unit in units(model):
        unit.relu = nn.Identity()


def shortcut_bypasses_the_identity_site(model):
    for unit in units(model):
        unit.at_identity.forward = lambda u: u


def pre_site_scales_the_shortcut(model):
    for unit in units(model):
        _moved_in_front_of(unit.at_pre, unit)


def conv3x3_site_after_the_relu(model):
    for unit in units(model):
        unit.transform[3].register_forward_pre_hook(lambda block, inputs: (F.relu(inputs[0]),))


def no_squeeze_pools_after_all(model):
    _regated(model, lambda block, u: torch.sigmoid(block.excitation(u.mean((2, 3)))))


def convolution_with_biases(model):
    for unit in units(model):
        unit.transform[0][0].bias = nn.Parameter(torch.zeros(unit.transform[0][0].out_channels))


@dataclass(frozen=True)
class Mutant:
    """A fault, the checks that catch it, and the SESpec of the right network."""

    mutate: Callable[[nn.Module], None]
    caught_by: set[str]
    se: SESpec = SE


P, M, W = "parameters", "multiply-adds", "forward"
MUTANTS = {
    "SE moved behind the addition": Mutant(se_moved_behind_the_addition, {W}),
    "SE moved before the last batch norm": Mutant(se_moved_before_the_last_batch_norm, {W}),
    "SE missing in one unit": Mutant(se_missing_in_one_unit, {P, M, W}),
    "SE shared by two units of a stage": Mutant(se_shared_by_two_units, {P, W}),
    "SE twice in one unit": Mutant(se_twice_in_one_unit, {P, M, W}),
    "SE bias added": Mutant(se_bias_added, {P, W}),
    "SE hidden width rounded up to 8": Mutant(se_hidden_width_rounded_up, {P, M}, SESpec(reduction=16)),
    "SE reduction from the inner width": Mutant(se_reduction_from_the_inner_width, {P, M}),
    "SE relu removed between the FC layers": Mutant(se_relu_removed, {W}),
    "gate swapped for tanh": Mutant(gate_swapped, {W}),
    "gate added to one": Mutant(gate_added_to_one, {W}),
    "squeeze swapped for max": Mutant(squeeze_swapped, {W}),
    "squeeze by the sum": Mutant(squeeze_by_the_sum, {W}),
    "stride moved to the 3x3 convolution": Mutant(stride_moved_to_the_3x3, {M, W}),
    "batch norm dropped in the shortcut": Mutant(norm_dropped_in_the_shortcut, {P, W}),
    "batch norm with another epsilon": Mutant(norm_with_another_epsilon, {W}),
    "relu dropped after the addition": Mutant(relu_dropped_after_the_addition, {W}),
    "shortcut bypasses the identity site": Mutant(
        shortcut_bypasses_the_identity_site, {M, W}, SESpec(integration="identity")
    ),
    "pre site scales the shortcut as well": Mutant(pre_site_scales_the_shortcut, {W}, SESpec(integration="pre")),
    "conv3x3 site after the ReLU": Mutant(conv3x3_site_after_the_relu, {W}, SESpec(integration="conv3x3")),
    "NoSqueeze pools after all": Mutant(no_squeeze_pools_after_all, {M, W}, SESpec(squeeze="none")),
    "convolution with biases": Mutant(convolution_with_biases, {P, W}),
}


@pytest.mark.parametrize("se", dict.fromkeys(mutant.se for mutant in MUTANTS.values()), ids=canonical_json)
def test_every_check_passes_on_the_right_network(se):
    """None of the checks fails without a fault."""
    assert set() == caught_by(build_model(NAME, se, CLASSES), se)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name):
    """Exactly the listed checks fail on a network with this fault."""
    mutant = MUTANTS[name]
    model = build_model(NAME, mutant.se, CLASSES)
    mutant.mutate(model)

    assert mutant.caught_by == caught_by(model, mutant.se)
