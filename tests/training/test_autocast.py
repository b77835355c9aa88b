"""bf16 on a CPU with and without instructions for it."""

import contextlib

import pytest
import torch
import torch.nn.functional as F

from senet_lab.models.registry import build_model
from senet_lab.study import SESpec
from senet_lab.training import autocast as module
from senet_lab.training.autocast import PRODUCTS, ProductsInFp32, autocast, to_bf16_numbers
from tests.tiny import BACKBONE

CPU = torch.device("cpu")
ULP = 2.0**-8  # half the distance of neighbouring bf16 numbers, relative to them


@pytest.fixture(params=[True, False], ids=["instructions", "none"])
def has_instructions(request, monkeypatch):
    """Whether the CPU is said to multiply bf16 numbers."""
    monkeypatch.setattr(module, "multiplies_bf16", lambda: request.param)
    return request.param


def draw(*shape, seed=0):
    """Normal numbers, fp32."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def product(function):
    """A product of random operands: a function of no argument that computes it, and the input, weight and bias."""
    space = {"1": 1, "2": 2, "3": 3}.get(function.__name__[-2], 0)
    size, weight = (2, 6, *[5] * space), (6, 6, *[3] * space)
    x, w, b = (draw(*shape, seed=seed).requires_grad_() for seed, shape in enumerate((size, weight, (6,))))
    return (lambda: function(x, w, bias=b)), (x, w, b)


def logits_of(model, images, bf16):
    """What a network computes in the contexts of ``autocast``."""
    with torch.no_grad():
        first, second = autocast(CPU, bf16)
        with first, second:
            return model(images)


@pytest.mark.parametrize("function", PRODUCTS, ids=lambda function: function.__name__)
def test_a_product_is_that_of_bf16_numbers_rounded_once(function):
    """Exact but for the sum's rounding in fp32 and one rounding to bf16. In fp32 as written it would be another."""
    compute, operands = product(function)
    with torch.autocast("cpu", torch.bfloat16), ProductsInFp32():
        found = compute()
    exact = function(*(operand.detach().bfloat16().double() for operand in operands))

    assert found.dtype is torch.bfloat16
    error = (found.double() - exact).abs()
    assert bool((error <= ULP * exact.abs() + 1e-5).all())
    assert not torch.equal(found, compute().bfloat16())


@pytest.mark.parametrize("function", PRODUCTS, ids=lambda function: function.__name__)
def test_gradients_are_those_of_torchs_autocast(function):
    """Of the input, the weight and the bias, in fp32 as the operands are, within the rounding of bf16."""
    compute, operands = product(function)
    gradients = []
    for context in (ProductsInFp32(), contextlib.nullcontext()):
        with torch.autocast("cpu", torch.bfloat16), context:
            output = compute()
        gradients.append(torch.autograd.grad(output.float().square().sum(), operands))

    for mine, torchs in zip(*gradients, strict=True):
        assert mine.dtype is torchs.dtype is torch.float32
        assert float((mine - torchs).norm() / torchs.norm()) < 0.01


def test_only_a_cpu_without_the_instructions_computes_otherwise(has_instructions):
    """With them the bits are those of torch's autocast, without them those of the products in fp32."""
    model, images = build_model(BACKBONE, SESpec(), 10).eval(), draw(2, 3, 32, 32)
    products = contextlib.nullcontext() if has_instructions else ProductsInFp32()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), products:
        expected = model(images)

    assert isinstance(autocast(CPU, True)[1], ProductsInFp32) is not has_instructions
    assert torch.equal(expected, logits_of(model, images, True))


def test_without_bf16_nothing_is_rounded(has_instructions):
    """An fp32 protocol computes the network as it is written, on every CPU."""
    model, images = build_model(BACKBONE, SESpec(), 10).eval(), draw(2, 3, 32, 32)

    assert torch.equal(model(images), logits_of(model, images, False))


@pytest.mark.parametrize("compiling", [False, True])
def test_rounding_is_that_of_torch(monkeypatch, compiling):
    """By a conversion and by the bits: ties to even, both zeros, subnormals, the largest numbers, infinities, NaN."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    ties = [1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8]
    ends = [0.0, -0.0, 2.0**-149, -(2.0**-133), 3.4028234e38, -3.39e38, float("inf"), float("-inf"), float("nan")]
    x = torch.cat([torch.tensor(ties + ends), draw(10_000), 1e-3 * draw(10_000, seed=1).exp()])
    found, expected = to_bf16_numbers(x), x.to(torch.bfloat16).float()

    assert torch.equal(expected.isnan(), found.isnan())
    numbers = ~expected.isnan()
    assert torch.equal(expected[numbers].view(torch.int32), found[numbers].view(torch.int32))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside torch.compile
def test_compiled_code_rounds_as_written():
    """The compiler, which computes bf16 in fp32 where it may, leaves out no rounding: same logits and gradients."""
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, bias=False), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(576, 5)
    )
    x, results = draw(4, 3, 8, 8), []
    for network in (model, torch.compile(model)):
        with torch.autocast("cpu", torch.bfloat16), ProductsInFp32():
            logits = network(x)
        results.append((logits, *torch.autograd.grad(logits.float().square().sum(), list(model.parameters()))))
    fp32 = model(x)

    for written, compiled in zip(*results, strict=True):
        assert torch.equal(written, compiled)
    assert not torch.equal(results[0][0], fp32.to(torch.bfloat16))


def test_relu_in_compiled_code_is_torchs(monkeypatch):
    """Values and gradients, at zeros and where a gradient is negative; in place as residual units have it."""
    values, gradient = torch.tensor([-2.0, -0.0, 0.0, 0.5, 3.0] * 2), torch.tensor([1.5] * 5 + [-1.5] * 5)
    results = []
    for compiling in (True, False):
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda compiling=compiling: compiling)
        x = values.bfloat16().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16), ProductsInFp32():
            out = F.relu(x + 0, inplace=True)
        results.append((out, *torch.autograd.grad(out, x, gradient.bfloat16())))

    for mine, torchs in zip(*results, strict=True):
        assert torch.equal(mine, torchs)
        assert mine.dtype is torchs.dtype is torch.bfloat16


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside torch.compile
def test_compiled_code_writes_no_map_of_bools():
    """For the ReLU of a residual unit. On a CPU with AVX2 they would be written one by one."""
    from torch._inductor.utils import run_and_get_code  # loads the compiler

    conv, following = (torch.nn.Conv2d(16, 16, 3, padding=1, bias=False) for _ in range(2))
    x = draw(4, 16, 8, 8).requires_grad_()

    def unit(x):
        return following(F.relu(conv(x) + x.bfloat16(), inplace=True))

    with torch.autocast("cpu", torch.bfloat16), ProductsInFp32():
        _, texts = run_and_get_code(lambda: torch.compile(unit)(x).float().sum().backward())

    assert len(texts) == 2  # forward and backward
    assert all("at::BFloat16*" in text and "bool*" not in text for text in texts)


def test_what_autocast_leaves_alone_is_left_alone():
    """Double precision, a part in which autocast is off, and operations that are no products."""
    x, w = draw(2, 6), draw(6, 6)
    with torch.autocast("cpu", torch.bfloat16), ProductsInFp32():
        double, exact = F.linear(x.double(), w.double()), x.double() @ w.double().T
        with torch.autocast("cpu", enabled=False):
            off = F.linear(x, w)
        total = torch.add(x, x)

    assert torch.allclose(exact, double, rtol=1e-12)
    assert torch.equal(F.linear(x, w), off)
    assert torch.equal(2 * x, total)


def test_operands_may_be_named():
    """As a user's own block may call them."""
    x, w, b = draw(2, 6), draw(6, 6), draw(6)
    with torch.autocast("cpu", torch.bfloat16), ProductsInFp32():
        assert torch.equal(F.linear(x, w, b), F.linear(input=x, weight=w, bias=b))
        assert torch.equal(F.linear(x, w), F.linear(x, weight=w, bias=None))
