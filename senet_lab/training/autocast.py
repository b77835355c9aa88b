"""Autocast to bf16 that is fast on every CPU.

PyTorch multiplies bf16 numbers quickly only where its oneDNN has kernels for the CPU's instructions. Elsewhere, as on
processors whose widest vectors are those of AVX2, a convolution in bf16 takes about ten times as long as one in fp32.
There the products are computed in fp32 from operands that are rounded to bf16, and rounded to bf16 at the end. That is
what the instructions for bf16 do: the product of two bf16 numbers is exact in fp32, and sums are kept in fp32. Only the
order of summation differs, as it does between any two CPUs.
"""

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

# Each takes the input, the weight and the bias first. Autocast computes all of them in bf16.
PRODUCTS = (F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d, F.linear)
OPERANDS = ("input", "weight", "bias")


def autocast(device: torch.device, bf16: bool) -> tuple[torch.autocast, AbstractContextManager[object]]:
    """Two contexts, to be entered in this order. In them networks on this device compute in bf16 if ``bf16`` is true.

    They are entered as ``with first, second``, which the compiler follows into compiled code.
    """
    wide = bf16 and device.type == "cpu" and not multiplies_bf16()
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16), ProductsInFp32() if wide else nullcontext()


@functools.cache
def multiplies_bf16() -> bool:
    """Whether PyTorch has fast kernels for bf16 on this CPU."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class ProductsInFp32(TorchFunctionMode):
    """Computes the products that autocast would compute in bf16 on a CPU: in fp32, from and to bf16 numbers.

    In compiled code it also replaces the ReLU of a bf16 map by one with a faster backward pass (``_ReLU``).
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        first: Any = args[0] if args else kwargs.get("input")
        if func is F.relu and torch.compiler.is_compiling() and first.dtype is torch.bfloat16:
            return _ReLU.apply(first)
        # Like PyTorch's autocast, this leaves double precision as it is.
        if func not in PRODUCTS or not torch.is_autocast_enabled("cpu") or first.dtype is torch.float64:
            return func(*args, **kwargs)
        places = len(OPERANDS)
        rounded = [_rounded(value) for value in args[:places]]
        named = {name: _rounded(value) if name in OPERANDS else value for name, value in kwargs.items()}
        with torch.autocast("cpu", enabled=False):
            return _rounded(func(*rounded, *args[places:], **named)).to(torch.bfloat16)


def _rounded(operand: Any) -> Any:
    """An operand in fp32, rounded to bf16 numbers, and so is its gradient; None for an absent bias."""
    return None if operand is None else _Rounded.apply(operand.float())


class _ReLU(torch.autograd.Function):
    """ReLU of a bf16 map, with a backward pass that reads the map's sign in bf16.

    For PyTorch's own ReLU, Inductor keeps a map of bools for the backward pass. On a CPU with AVX2 it writes the bools
    one at a time, which takes ten times as long as the rest of the loop.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = torch.relu(x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (out,) = ctx.saved_tensors
        return gradients[0] * torch.sign(out)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return to_bf16_numbers(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return to_bf16_numbers(gradients[0])


def to_bf16_numbers(x: Tensor) -> Tensor:
    """fp32 values, each rounded to the nearest bf16 number; ties go to the even one. Shape and type are those of x.

    A bf16 number is the first 16 bits of an fp32 number. In compiled code the rounding is done on the bits, because the
    compiler would leave out a conversion to bf16 and back.
    """
    if not torch.compiler.is_compiling():
        return x.to(torch.bfloat16).float()
    bits = x.view(torch.int32)
    even = (bits >> 16) & 1
    rounded = ((bits + 0x7FFF + even) & -0x10000).view(torch.float32)
    return torch.where(x.isnan(), x, rounded)
