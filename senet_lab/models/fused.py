"""Batch norm with the SE block and the ReLU after it, in as few passes over the map as batch norm alone.

A compiler fuses operations that follow each other, but cannot see that batch norm and squeeze need the same sums over
the map. Here they share them. With x the output of a convolution, m and q the means of x and of x² over space,

    batch norm   u = a x + b, where a and b follow from the means of m and q over the batch
    squeeze      z = a m + b
    scale        s u = (s a) x + s b

The map is read once for m and q and once for the result, with SE or without. The backward pass also reads it twice:
by the chain rule the gradient of x is (s a) g + P x + Q, where g is the gradient of the result, and P and Q are one
number for each image and channel. m and q are computed image by image also without SE, because a sum over space alone
is the faster loop.

``fuse`` puts this into a network for compiled training; ``Fused.begin_step`` counts the batches. Evaluation, and
training without a compiler, run the modules one by one. Tests compare the two, and so does the start of every
compiled run (``training.compare_step``).

B batch, C channels, H W space; u, z, s are the paper's U, z, s. One number for each image and channel is B C 1 1.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.models.blocks import Absorbable

SPACE = (2, 3)


def normalise(x_BCHW: Tensor, norm: nn.BatchNorm2d, block: Absorbable | None = None, relu: bool = False) -> Tensor:
    """Batch norm in training mode, then the block and the ReLU: B C H W -> B C H W, of the input's type.

    Updates the running statistics of ``norm``, and leaves its count of batches to the caller.
    """
    x = x_BCHW.to(torch.promote_types(x_BCHW.dtype, torch.float32))
    mean, square = _Moments.apply(x)
    a, b = _coefficients(norm, mean.mean(0, keepdim=True), square.mean(0, keepdim=True), x.numel() // x.shape[1])
    if block is None:
        a, b = a.expand(len(x), -1, 1, 1), b.expand(len(x), -1, 1, 1)
    else:
        with torch.autocast(x.device.type, enabled=False):
            s = block.excite((mean * a + b).flatten(1))
        a, b = s * a, s * b
    return (_AffineReLU if relu else _Affine).apply(x, _settled(a), _settled(b)).to(x_BCHW.dtype)


def _coefficients(norm: nn.BatchNorm2d, mean: Tensor, square: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """a and b of batch norm, 1 C 1 1, from the means of x and x² over batch and space. Updates its statistics.

    count: elements of one channel, over batch and space.
    """
    variance = (square - mean * mean).clamp_min(0)  # rounding can make the difference negative
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    with torch.no_grad():
        norm.running_mean.lerp_(mean.flatten(), norm.momentum)
        norm.running_var.lerp_(variance.flatten() * (count / (count - 1)), norm.momentum)
    a = norm.weight[:, None, None] * torch.rsqrt(variance + norm.eps)
    return a, norm.bias[:, None, None] - mean * a


def max_over_space(u_BCHW: Tensor) -> Tensor:
    """Maximum over space with ``amax``'s gradient: B C H W -> B C 1 1 in fp32. The map must come from ``as_stored``."""
    maximum: Tensor = _Max.apply(u_BCHW.float())
    return maximum


@torch.library.custom_op("senet_lab::as_stored", mutates_args=())
def as_stored(u_BCHW: Tensor) -> Tensor:
    """A copy of a map as memory holds it, rounded to its type. For compiled training in fp16 and bf16.

    Inductor computes these types in fp32. It may round a map in one place that uses it and not in another. A maximum's
    gradient goes to the positions that equal the maximum. If the maximum is rounded and the map is not, or the reverse,
    there may be no such position, and the gradient is 0 / 0. Inductor does not look into this operation, so the same
    values are used everywhere.
    """
    return u_BCHW.clone()


@as_stored.register_fake
def _(u_BCHW: Tensor) -> Tensor:
    return torch.empty_like(u_BCHW)


def _keep_nothing(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    pass


def _hand_back(ctx: Any, gradient: Tensor) -> Tensor:
    return gradient


as_stored.register_autograd(_hand_back, setup_context=_keep_nothing)


class _Max(torch.autograd.Function):
    """Maximum over space, B C 1 1. Positions that tie share the gradient evenly.

    ``amax`` has the same gradient, but counts the positions in int64, and Inductor does not vectorise that.
    """

    @staticmethod
    def forward(ctx: Any, u_BCHW: Tensor) -> Tensor:
        maximum = u_BCHW.amax(SPACE, keepdim=True)
        ctx.save_for_backward(u_BCHW, maximum)
        return maximum

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        u_BCHW, maximum = ctx.saved_tensors
        places = torch.where(u_BCHW == maximum, 1.0, 0.0)
        return places * _buffer(gradients[0] / places.sum(SPACE, keepdim=True))


def _settled(value: Tensor) -> Tensor:
    return _Settled.apply(value)


def _buffer(value: Tensor) -> Tensor:
    """The same values in a buffer of their own.

    Inductor inlines arithmetic into the loop that needs it: it would compute the root and the division of a channel
    again at every pixel. Before ``as_strided`` it must write the values to memory, so it computes them once.
    """
    value = value.contiguous()
    return torch.as_strided(value, value.shape, value.stride())


class _Settled(torch.autograd.Function):
    """``_buffer`` with the identity as gradient; autograd's gradient of ``as_strided`` would cost more."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return _buffer(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0]


class _Moments(torch.autograd.Function):
    """Means of x and of x² over space, B C 1 1 each."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x_BCHW)
        return x_BCHW.mean(SPACE, keepdim=True), (x_BCHW * x_BCHW).mean(SPACE, keepdim=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x_BCHW,) = ctx.saved_tensors
        mean, square = gradients
        count = x_BCHW.shape[2] * x_BCHW.shape[3]
        return x_BCHW * _buffer(square * (2 / count)) + _buffer(mean / count)


class _Affine(torch.autograd.Function):
    """a x + b, with a and b B C 1 1."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x_BCHW, a)
        return x_BCHW * a + b

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x_BCHW, a = ctx.saved_tensors
        return _affine_gradients(gradients[0], x_BCHW, a)


class _AffineReLU(torch.autograd.Function):
    """relu(a x + b). The backward pass computes a x + b again, which is cheaper than reading the result."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x_BCHW, a, b)
        return F.relu(x_BCHW * a + b)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x_BCHW, a, b = ctx.saved_tensors
        return _affine_gradients(torch.where(x_BCHW * a + b > 0, gradients[0], 0), x_BCHW, a)


def _affine_gradients(g_BCHW: Tensor, x_BCHW: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return g_BCHW * a, (g_BCHW * x_BCHW).sum(SPACE, keepdim=True), g_BCHW.sum(SPACE, keepdim=True)
