"""Only what is known to the letter is fused: whatever else sits in a network is computed as it is written."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from senet_lab.models.blocks import is_absorbable
from senet_lab.models.fuse import FusedNorm, fuse
from senet_lab.models.registry import build_model
from senet_lab.models.se_block import SEBlock
from senet_lab.study import SESpec

NAME = "cifar_resnet11_bottleneck"
SE = SESpec(reduction=4)


class Doubled(SEBlock):
    def forward(self, u_BCHW):
        return 2 * super().forward(u_BCHW)


class Sloped(SEBlock):
    """A gate that grows from the left to the right."""

    def gate(self, u_BCHW):
        return super().gate(u_BCHW) * torch.linspace(0.5, 1.5, u_BCHW.shape[-1])


class Called(SEBlock):
    def __call__(self, u_BCHW):
        return -super().__call__(u_BCHW)


class Softer(SEBlock):
    """Changes only what compiled training calls."""

    def excite(self, z_BC):
        return super().excite(z_BC / 2)


class Renewed(Sloped):
    """Says anew that it is absorbable, after it has put the gate right."""

    absorbable = True
    gate = SEBlock.gate


class WiderNorm(nn.BatchNorm2d):
    def forward(self, x_BCHW):
        return 2 * super().forward(x_BCHW)


class Leaky(nn.ReLU):
    def forward(self, x_BCHW):
        return F.leaky_relu(x_BCHW, 0.1)


class Twice(nn.Sequential):
    def forward(self, x_BCHW):
        return 2 * super().forward(x_BCHW)


def the_class(kind):
    def change(model):
        for unit in units(model):
            unit.at_standard.__class__ = kind

    return change


def units(model):
    return [unit for stage in model.stages for unit in stage]


def patched_forward(model):
    block = units(model)[1].at_standard
    block.forward = lambda u: 2 * SEBlock.forward(block, u)


def patched_gate(model):
    block = units(model)[0].at_standard
    block.gate = lambda u: block.excite(u.amax((2, 3)))


def patched_unit(model):
    unit = units(model)[2]
    unit.forward = lambda x: unit.relu(unit.transform(x) + unit.shortcut(x))


def hook_on_the_block(model):
    units(model)[0].at_standard.register_forward_hook(lambda block, inputs, output: output + inputs[0])


def hook_before_the_norm(model):
    units(model)[0].transform[5][1].register_forward_pre_hook(lambda norm, inputs: (2 * inputs[0] + 1,))


def hook_on_the_sequence(model):
    units(model)[0].transform[5].register_forward_hook(lambda sequence, inputs, output: F.relu(output))


def hook_on_the_unit(model):
    units(model)[0].register_forward_hook(lambda unit, inputs, output: 3 * output)


def backward_hook(model):
    units(model)[0].at_standard.register_full_backward_hook(lambda block, given, got: (2 * given[0],))


def another_norm(model):
    units(model)[0].transform[5][1].__class__ = WiderNorm


def norm_without_scale(model):
    units(model)[0].transform[5][1] = nn.BatchNorm2d(64, affine=False).double()


def norm_that_averages_all_batches(model):
    units(model)[0].transform[5][1].momentum = None


def another_relu(model):
    units(model)[0].transform[1] = Leaky()


def another_sequence(model):
    units(model)[0].transform[0].__class__ = Twice


def another_excitation(model):
    units(model)[0].at_standard.excitation.forward = lambda z: z


def one_relu_in_two_places(model):
    transform = units(model)[0].transform
    transform[4] = transform[1]


def one_sequence_in_two_places(model):
    transform = units(model)[0].transform
    transform[3] = transform[2]


CHANGES = {
    "a forward that doubles": (the_class(Doubled), 0),
    "a gate with a spatial factor": (the_class(Sloped), 0),
    "a call that changes the sign": (the_class(Called), 0),
    "another excitation in a subclass": (the_class(Softer), 3),
    "a subclass that declares anew": (the_class(Renewed), 3),
    "forward patched on an instance": (patched_forward, 2),
    "gate patched on an instance": (patched_gate, 2),
    "a patched unit": (patched_unit, 2),
    "a hook on a block": (hook_on_the_block, 2),
    "a hook before a batch norm": (hook_before_the_norm, 2),
    "a hook on a sequence": (hook_on_the_sequence, 2),
    "a hook on a unit": (hook_on_the_unit, 3),
    "a backward hook": (backward_hook, 2),
    "a subclass of batch norm": (another_norm, 2),
    "batch norm without scale and shift": (norm_without_scale, 2),
    "batch norm that averages all batches": (norm_that_averages_all_batches, 2),
    "a subclass of ReLU": (another_relu, 3),
    "a subclass of a sequence": (another_sequence, 3),
    "an excitation patched on an instance": (another_excitation, 3),
    "one ReLU in two places": (one_relu_in_two_places, 3),
    "one sequence in two places": (one_sequence_in_two_places, 3),
}


@pytest.fixture(scope="module")
def plain():
    """A small SE network in double precision."""
    return build_model(NAME, SE, 10, seed=1).double().train()


def gradients_of(call, model):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    loss = F.cross_entropy(call(images), torch.tensor([1, 7]))
    return [loss, *torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_fused_as_it_is_written(plain, name):
    """Loss and gradients of the changed network, of whose three blocks so many are absorbed."""
    change, absorbed = CHANGES[name]
    model = copy.deepcopy(plain)
    change(model)
    found = fuse(model)

    assert absorbed == sum(part.block is not None for part in found.network.modules() if isinstance(part, FusedNorm))
    expected = gradients_of(model, model)
    for one, same in zip(expected, gradients_of(found.network, model), strict=True):
        assert (one is None) == (same is None)
        if one is not None:
            torch.testing.assert_close(one, same, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("squeeze", ["avg", "max", "none"])
def test_a_block_is_absorbable_where_it_squeezes_by_the_mean(squeeze):
    """Of the three squeezes one is a mean."""
    assert (squeeze == "avg") is is_absorbable(SEBlock(16, SESpec(reduction=4, squeeze=squeeze)))
