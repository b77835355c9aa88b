"""Shake-Shake: the random mix of two branches, its stream, and the place of SE."""

import copy
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from senet_lab.models.backbones.shake import FAMILY, ShakeBasic, ShakeBottleneck, ShakeNet, TwoPathShortcut, mix
from senet_lab.models.initialise import initialise
from senet_lab.models.registry import build_model
from senet_lab.models.sites import no_attention, se_factory
from senet_lab.models.stochastic import set_stochastic_seed
from senet_lab.models.units import UnitPosition
from senet_lab.study import SESpec
from tests.models.written_out import Weights, recalibrate, relu, unsettle

NAMES = ["cifar_shake26_2x96d", "cifar_shake29_2x4x64d"]


def maps(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_forward_has_alpha_and_backward_has_beta():
    """alpha a + (1 - alpha) b, and gradients beta g and (1 - beta) g, image by image."""
    a, b = (torch.full((2, 1, 1, 1), value, requires_grad=True) for value in (10.0, 20.0))
    y = mix(a, b, torch.tensor([0.25, 1.0]), torch.tensor([0.75, 0.0]))
    (y * torch.tensor([4.0, 8.0]).reshape(2, 1, 1, 1)).sum().backward()

    assert y.flatten().tolist() == [17.5, 10.0]
    assert a.grad.flatten().tolist() == [3.0, 0.0]
    assert b.grad.flatten().tolist() == [1.0, 8.0]


def test_mix_keeps_the_branches_type():
    """bfloat16 in, bfloat16 out and back, though alpha and beta are fp32."""
    a, b = (torch.ones(1, 1, 1, 1, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    y = mix(a, b, torch.tensor([0.3]), torch.tensor([0.3]))
    y.sum().backward()

    assert [torch.bfloat16] * 3 == [y.dtype, a.grad.dtype, b.grad.dtype]


def test_the_two_path_shortcut_sees_two_pixels_of_four():
    """At stride 2 the straight path reads rows 0, 2; the shifted one the zero border, then row 1."""
    shortcut = TwoPathShortcut(1, 2, 2).eval()
    with torch.no_grad():
        shortcut.straight.weight.fill_(1.0)
        shortcut.shifted.weight.fill_(1.0)
        y = shortcut(torch.arange(1.0, 17.0).reshape(1, 1, 4, 4))

    expected = torch.tensor([[[1.0, 3.0], [9.0, 11.0]], [[0.0, 0.0], [0.0, 6.0]]])
    torch.testing.assert_close(y[0] * (1 + 1e-5) ** 0.5, expected)


def written_branch(w: Weights, at: str, kind: type, x, stride):
    def conv_bn(y, name, stride=1, groups=1):
        weight = w(f"{name}.0.weight")
        y = F.conv2d(y, weight, None, stride, weight.shape[-1] // 2, groups=groups)
        scale = w(f"{name}.1.weight") / torch.sqrt(w(f"{name}.1.running_var") + 1e-5)
        shift = w(f"{name}.1.bias") - w(f"{name}.1.running_mean") * scale
        return y * scale[:, None, None] + shift[:, None, None]

    if kind is ShakeBasic:
        return conv_bn(relu(conv_bn(relu(x), f"{at}.1", stride)), f"{at}.3")
    return conv_bn(relu(conv_bn(relu(conv_bn(x, f"{at}.0")), f"{at}.2", stride, 4)), f"{at}.4")


@pytest.mark.parametrize("point", ["standard", "pre", "post", "identity"])
@pytest.mark.parametrize("kind", [ShakeBasic, ShakeBottleneck])
def test_units_are_as_written(kind, point):
    """An identity unit of 8 channels with SE at each point, alpha given: the formula of the module's docstring."""
    se = SESpec(reduction=4, integration=point)
    unit = unsettle(kind(UnitPosition(2, 2, 8, 8, 1), se_factory(se)))
    x, w, alpha = maps(1, 2, 8, 6, 6), Weights(unit), torch.tensor([0.2, 0.9], dtype=torch.float64)

    def at(name, u):
        return recalibrate(w, f"at_{name}", se, u) if name == point else u

    with torch.no_grad():
        first, second = (written_branch(w, f"branches.{i}", kind, at("pre", x), 1) for i in range(2))
        mixed = alpha[:, None, None, None] * first + (1 - alpha[:, None, None, None]) * second
        total = at("standard", mixed) + at("identity", x)
        expected = at("post", relu(total) if kind is ShakeBottleneck else total)
        torch.testing.assert_close(unit(x, torch.stack([alpha, alpha])), expected)

    assert set() == w.unread


@pytest.mark.parametrize("kind", [ShakeBasic, ShakeBottleneck])
def test_evaluation_gives_each_branch_one_half(kind):
    """Without a draw the unit equals the one with alpha = beta = 0.5."""
    unit = unsettle(kind(UnitPosition(3, 1, 8, 16, 2), no_attention))
    x, half = maps(1, 2, 8, 6, 6), torch.full((2, 2), 0.5, dtype=torch.float64)

    torch.testing.assert_close(unit(x, None), unit(x, half))


@pytest.mark.parametrize(("name", "shaken"), [(NAMES[0], True), (NAMES[1], False)])
def test_draws_are_per_unit_and_image(name, shaken):
    """alpha: one for each unit and image, in [0, 1). beta: as many of its own, or one half everywhere (even)."""
    model = build_model(name, None, 10, device="meta")
    alpha, beta = model.draw(torch.zeros(5, 3, 32, 32)).unbind(1)

    assert (12 if shaken else 9, 5) == tuple(alpha.shape)
    assert alpha.numel() == alpha.unique().numel()
    assert 0 <= alpha.min() < alpha.max() < 1
    if shaken:
        assert beta.numel() == beta.unique().numel()
        assert not torch.equal(alpha, beta)
    else:
        assert (beta == 0.5).all()


def small_network() -> ShakeNet:
    """cifar_shake26_2x96d with one unit a stage of few channels, to be quick."""
    model = ShakeNet(replace(FAMILY.layouts[NAMES[0]], depths=(1, 1, 1), widths=(8, 16, 32)), no_attention, 10)
    initialise(model, 0)
    return model


def step(model) -> list[torch.Tensor]:
    model.zero_grad()
    logits = model(torch.ones(4, 3, 32, 32).cumsum(3) / 32)
    logits.square().sum().backward()
    return [logits.detach(), *(p.grad.clone() for p in model.parameters())]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_resumed_epoch_draws_what_an_uninterrupted_one_draws():
    """Equal seeds give equal steps, whatever was drawn before; the next step and another seed give others."""
    model = small_network().train()
    assert set_stochastic_seed(model, 7)
    first, second = step(model), step(model)
    set_stochastic_seed(model, 7)
    again = step(model)
    set_stochastic_seed(model, 8)
    other = step(model)

    assert equal(first, again)
    assert not equal(first, second)
    assert not equal(first, other)


def test_the_global_stream_is_neither_read_nor_moved():
    """A training step depends on the network's own stream alone."""
    model = small_network().train()
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        set_stochastic_seed(model, 7)
        found.append(step(model))
        assert torch.equal(before, torch.get_rng_state())

    assert equal(*found)


def test_evaluation_draws_nothing():
    """Two evaluations agree, and leave the stream where it was."""
    model = small_network().eval()
    before, x = model.stream.get_state(), torch.ones(1, 3, 32, 32)

    assert torch.equal(model(x), model(x))
    assert torch.equal(before, model.stream.get_state())


def test_a_copy_has_a_stream_of_its_own():
    """copy.deepcopy, as used for averaged weights, copies the stream's state and then goes its own way."""
    model = small_network().train()
    set_stochastic_seed(model, 7)
    clone = copy.deepcopy(model)

    assert equal(step(model), step(clone))


def test_a_network_without_randomness_is_left_alone():
    """set_stochastic_seed says that it found nothing to set."""
    assert not set_stochastic_seed(build_model("cifar_resnet11_bottleneck", SESpec(), 10), 7)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside torch.compile
def test_compiled_network_draws_the_same():
    """torch.compile around the draw: the step of the uncompiled network to rounding."""
    model = small_network().train()
    set_stochastic_seed(model, 7)
    expected = step(model)
    compiled = torch.compile(small_network().train(), backend="aot_eager")
    set_stochastic_seed(compiled, 7)

    torch.testing.assert_close(step(compiled), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_networks_are_built_without_the_compiler():
    """Loading it takes as long as all the rest, and only compiled training needs it."""
    code = (
        "import sys\nfrom senet_lab.models import build_model\nbuild_model('cifar_shake26_2x96d')\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()

    assert "senet_lab.models.backbones.shake" in loaded
    assert "torch._dynamo" not in loaded
