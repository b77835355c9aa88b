"""Blocks of one's own: any module in any site, found, counted, tapped and drawn by what it tells of itself."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from senet_lab.models.complexity import complexity
from senet_lab.models.fuse import FusedNorm, fuse
from senet_lab.models.gate_taps import gate_taps, tapped
from senet_lab.models.registry import build_model
from senet_lab.models.sites import no_attention, se_factory
from senet_lab.study import SESpec
from senet_lab.study.conventions import Operation
from senet_lab.study.se import Gate, Integration

NAME = "cifar_resnet11_bottleneck"
WIDTHS = (64, 128, 256)


class Spatial(nn.Module):
    """A gate that is one number a place: the sigmoid of a 3x3 convolution to one channel."""

    over_space = True

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 3, padding=1)

    def gate(self, u_BCHW):
        return self.conv(u_BCHW).sigmoid()

    def forward(self, u_BCHW):
        return u_BCHW * self.gate(u_BCHW)


class Fixed(nn.Module):
    """No gate method, weights by ``reset``, a product that no module stands for."""

    def __init__(self, channels):
        super().__init__()
        self.mixing = nn.Parameter(torch.empty(channels, channels))

    def reset(self, generator):
        nn.init.normal_(self.mixing, generator=generator)

    def forward(self, u_BCHW):
        return torch.einsum("dc,bchw->bdhw", self.mixing, u_BCHW)


class Neighbours(nn.Module):
    """An absorbable block that inherits nothing: one convolution along the channels, a hard sigmoid."""

    absorbable = True
    gate_kind = Gate.SIGMOID

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1)

    def excite(self, z_BC):
        return F.hardsigmoid(self.conv(z_BC[:, None]))[:, 0, :, None, None]

    def gate(self, u_BCHW):
        return self.excite(u_BCHW.mean((2, 3)))

    def forward(self, u_BCHW):
        return u_BCHW * self.gate(u_BCHW)


def at_standard(kind):
    return lambda site: kind(site.channels) if site.point is Integration.STANDARD else nn.Identity()


def network(kind, seed=0, device="cpu"):
    return build_model(NAME, None, 10, seed, device, attention=at_standard(kind))


@pytest.mark.parametrize("kind", [Spatial, Fixed])
def test_weights_of_ones_own_blocks_come_from_the_seed(kind):
    """Equal seeds, equal weights, another seed others; the backbone's are those of the plain network."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = network(kind, 3).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    again, other = network(kind, 3).state_dict(), network(kind, 4).state_dict()
    plain = build_model(NAME, None, 10, 3).state_dict()
    weights = [name for name in first if "at_standard" in name and "bias" not in name]

    assert len(weights) == 3
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in weights)
    assert all(torch.equal(first[name], plain[name]) for name in plain)


def test_blocks_of_one_shape_differ_from_site_to_site():
    """Each site has a stream of its own."""
    model = build_model("cifar_resnet20", None, 10, attention=at_standard(Spatial))
    first, second = (unit.at_standard.conv.weight for unit in list(model.stages[0])[:2])

    assert first.shape == second.shape
    assert not torch.equal(first, second)


def test_gates_of_ones_own_blocks_are_tapped():
    """By the names of their sites, in forward order; what is heard is the mean over space of what was computed."""
    model, images = network(Spatial).eval(), torch.randn(2, 3, 32, 32)
    taps, heard, inputs = gate_taps(model), {}, []
    hooks = [tap.block.register_forward_pre_hook(lambda block, given: inputs.append(given[0])) for tap in taps]
    with torch.no_grad(), tapped(taps, heard.__setitem__):
        expected = model(images)
    for hook in hooks:
        hook.remove()

    assert [tap.name for tap in taps] == ["SE_2_1", "SE_3_1", "SE_4_1"]
    assert {(tap.gate, tap.over_space) for tap in taps} == {(Gate.SIGMOID, True)}
    for index, (tap, u) in enumerate(zip(taps, inputs, strict=True)):
        torch.testing.assert_close(heard[index], tap.block.gate(u).double().mean((2, 3)))
    with torch.no_grad():
        assert torch.equal(expected, model(images))


def test_ones_own_blocks_are_counted():
    """Weights, scaling and products of every block, on 32, 16 and 8 pixels, beside the plain network's."""
    plain = complexity(build_model(NAME, None, 10, device="meta"), 32)
    spatial, fixed = (complexity(network(kind, device="meta"), 32) for kind in (Spatial, Fixed))
    pixels = (32 * 32, 16 * 16, 8 * 8)

    assert sum(9 * c + 1 for c in WIDTHS) == spatial.trainable - plain.trainable
    maps = list(zip(WIDTHS, pixels, strict=True))
    assert {Operation.WEIGHTS: sum(9 * c * p for c, p in maps), Operation.SCALE: sum(c * p for c, p in maps)} == {
        kind: count - plain.operations[kind]
        for kind, count in spatial.operations.items()
        if count != plain.operations[kind]
    }
    assert sum(c * c * p for c, p in maps) == fixed.operations[Operation.WEIGHTS] - plain.operations[Operation.WEIGHTS]


@pytest.mark.parametrize("axes", [{}, {"squeeze": "max"}, {"squeeze": "none"}, {"excitation": "conv1d"}])
def test_a_network_with_weights_counts_as_the_one_without(axes):
    """What a trained network computes for an image is what its counterpart on the meta device would."""
    se = SESpec(**axes)
    model = build_model(NAME, se, 10).train()

    assert complexity(build_model(NAME, se, 10, device="meta"), 32) == complexity(model, 32)
    assert model.training


def test_the_factory_of_an_se_block_is_a_factory_like_another():
    """The same names of weights, and SE's own draw; and empty sites are the plain network."""
    ours = build_model(NAME, SESpec(), 10, 2).state_dict()
    found = build_model(NAME, None, 10, 2, attention=se_factory(SESpec())).state_dict()
    empty = build_model(NAME, None, 10, 2, attention=no_attention).state_dict()

    assert list(ours) == list(found)
    assert all(torch.equal(ours[name], found[name]) for name in ours)
    assert list(empty) == list(build_model(NAME, None, 10, 2).state_dict())


def test_a_second_block_in_a_unit_is_named_with_its_point():
    """Names tell the gates of a network apart."""
    points = (Integration.PRE, Integration.STANDARD)
    model = build_model(
        NAME, None, 10, attention=lambda site: Spatial(site.channels) if site.point in points else nn.Identity()
    )

    assert len({tap.name for tap in gate_taps(model)}) == 6
    assert {"SE_2_1", "SE_2_1_standard"} <= {tap.name for tap in gate_taps(model)}


@pytest.mark.parametrize(("kind", "absorbed"), [(Neighbours, 3), (Spatial, 0), (Fixed, 0)])
def test_ones_own_blocks_are_fused_as_they_are_written(kind, absorbed):
    """The block that declares itself absorbable is, the others stand as they are; loss and gradients are the same."""
    model = network(kind).double().train()
    fused = fuse(model).network
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = list(model.parameters())
    expected, found = (
        [loss, *torch.autograd.grad(loss, weights)]
        for loss in (F.cross_entropy(call(images), torch.tensor([1, 0, 7])) for call in (model, fused))
    )

    assert absorbed == sum(part.block is not None for part in fused.modules() if isinstance(part, FusedNorm))
    for one, same in zip(expected, found, strict=True):
        torch.testing.assert_close(one, same, rtol=1e-9, atol=1e-11)


def test_mistakes_are_named():
    """Both ways to name a block at once, and a factory that gives no module."""
    with pytest.raises(ValueError, match="by se or by attention, not both"):
        build_model(NAME, SESpec(), 10, attention=no_attention)
    with pytest.raises(ValueError, match=r"cifar_resnet11_bottleneck: the factory gave None for SE_2_1"):
        build_model(NAME, None, 10, attention=lambda site: None)
