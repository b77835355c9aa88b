"""Max squeeze in compiled training in bf16: a maximum whose gradient arrives."""

import pytest
import torch

from senet_lab.models.fuse import MaxBlock, fuse
from senet_lab.models.fused import as_stored, max_over_space
from senet_lab.models.registry import build_model
from senet_lab.models.se_block import SEBlock
from senet_lab.study import SESpec

MAX = SESpec(reduction=4, squeeze="max")


@pytest.fixture
def block():
    """An SE block with max squeeze on 16 channels."""
    made = SEBlock(16, MAX)
    made.reset(torch.Generator().manual_seed(1))
    return made


def gradients(block, compiled=False):
    """The gradients by the input and by the weights of a block on a rounded map with many ties, under autocast."""
    x = torch.randn(4, 16, 6, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def loss(x):
        with torch.autocast("cpu", torch.bfloat16):
            return block(torch.relu(2 * x + 0.1).to(torch.bfloat16)).float().square().sum()

    return torch.autograd.grad((torch.compile(loss) if compiled else loss)(x), [x, *block.parameters()])


def test_the_fused_block_has_the_same_gradients_in_bf16(block):
    """Ties share the gradient evenly in both, bit for bit."""
    for expected, found in zip(gradients(block), gradients(MaxBlock(block)), strict=True):
        assert torch.equal(expected, found)


@pytest.mark.parametrize(("squeeze", "number"), [("max", 3), ("avg", 0), ("none", 0)])
def test_every_block_with_max_squeeze_is_found(squeeze, number):
    """And no other."""
    network = fuse(build_model("cifar_resnet11_bottleneck", SESpec(reduction=4, squeeze=squeeze), 10)).network

    assert number == sum(isinstance(part, MaxBlock) for part in network.modules())


UNEQUAL = torch.arange(96.0).reshape(2, 3, 4, 4)
MAPS = (UNEQUAL.clone().requires_grad_(), UNEQUAL.to(memory_format=torch.channels_last))


@pytest.mark.parametrize("u", MAPS, ids=["contiguous", "channels_last"])
@pytest.mark.parametrize(
    "rule",
    [
        "test_schema",
        "test_autograd_registration",
        "test_faketensor",
        pytest.param("test_aot_dispatch_dynamic", marks=pytest.mark.slow),  # loads half the compiler
    ],
)
def test_the_operation_keeps_torchs_rules(rule, u):
    """Shapes, types and gradients are as declared, so that a compiler and a GPU's graph may take it."""
    torch.library.opcheck(as_stored, (u,), test_utils=rule)


def test_positions_that_tie_share_the_gradient():
    """Two positions have the maximum: each gets half."""
    u = torch.tensor([[[[1.0, 3.0], [3.0, 2.0]]]], requires_grad=True)
    max_over_space(as_stored(u)).sum().backward()

    assert u.grad.flatten().tolist() == [0.0, 0.5, 0.5, 0.0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler, about this machine
def test_the_compiled_block_has_gradients_in_bf16(block):
    """Those of the block as written. Compiled as it is written, its maximum equals no position, and 0 / 0 comes out."""
    for expected, found in zip(gradients(block), gradients(MaxBlock(block), compiled=True), strict=True):
        assert (expected - found).norm() < 0.05 * expected.norm()
    assert not all(gradient.isfinite().all() for gradient in gradients(block, compiled=True))
