"""The comparison at the start of every compiled run: is the compiled step the step of the network as written?

There are two comparisons with the network as written. The first takes the fused network, not compiled, in double
precision on a few images. Rounding errors are then about 1e-16, so that even a small error in a block shows. The second
takes the compiled step on the whole batch in the precision of the run. It also tests the compiler's work, but only
large differences show. An example is a network of 100 layers with its first weights: rounding to bf16 and flipped ReLUs
change its gradient so much that only the gradient's size can be compared.

The comparison leaves no trace. It restores statistics, counts of batches and random streams, and stores no gradients.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from senet_lab.errors import StudyError, lacks_memory
from senet_lab.models.fuse import Fused
from senet_lab.models.stochastic import kept_streams

FEW = 4  # images in double precision
EXACT = 1e-5  # the largest relative difference of loss, gradients and statistics in double precision
FLOOR = 1e-3  # a difference is divided by a norm plus this; for one gradient, plus this times the whole gradient's norm
TINY = 1e-30  # prevents a division by zero
MEND_THE_BLOCK = (
    "a block that declares itself absorbable must compute u * excite(u.mean(dim=(2, 3))) in forward(u): "
    "mend the block, or remove its declaration to have it compiled as it is written"
)
MEND_THE_COMPILING = (
    "torch's compiler computes something else than is written. Put @torch.compiler.disable on your block's forward, "
    "which is then left as it is written, or write it with other operations"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest relative differences of a step in the run's precision. The loss's difference is divided by 1 + loss."""

    loss: float
    statistics: float
    gradient_size: float
    gradient: float


FINE = Limits(loss=0.01, statistics=0.05, gradient_size=0.2, gradient=0.9)
COARSE = Limits(loss=0.05, statistics=0.3, gradient_size=0.5, gradient=float("inf"))  # under autocast or TF32

Output = Tensor | tuple[Tensor, Tensor]  # logits B K, or a loss and more
Step = Callable[[], Output]


@dataclass(frozen=True, slots=True)
class Result:
    """Loss, gradients by parameter and buffers after one step."""

    loss: Tensor
    gradients: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]


def refuse_another_step(model: nn.Module, fused: Fused, written: Step, compiled: Step) -> None:
    """Compares a training step as it is written with the fused network and with the compiled step.

    written, compiled: take the step's forward pass, and return logits B K, or a loss as the first of two values.
    Raises StudyError where the steps differ by more than rounding.
    """
    with _forward_of(model) as seen:
        expected = _step(model, written)
    if not expected.loss.isfinite():
        return  # the run itself reports this
    fused_is_right = bool(seen) and _compare_exactly(model, fused, seen[0].images)
    fine = bool(seen) and not any(forward.coarse for forward in seen)
    mend = MEND_THE_COMPILING if fused_is_right else MEND_THE_BLOCK
    _compare_loosely(expected, _step(model, compiled), FINE if fine else COARSE, mend)
    if expected.loss.is_cuda:
        torch.cuda.empty_cache()  # the written step needs more memory than the compiled one


def _compare_exactly(model: nn.Module, fused: Fused, images_BCHW: Tensor) -> bool:
    """Whether the fused network could be compared. Raises StudyError where it computes another step."""
    few = images_BCHW[:FEW].detach().double()
    fused.follow()
    try:
        expected = _double_step(model, model, few)
    except RuntimeError as error:
        if lacks_memory(error):
            raise
        return False  # a part takes no double precision; the compiled step is still compared
    found = _double_step(model, fused.network, few)
    _refuse(_difference(expected.loss, found.loss), EXACT, "the loss", MEND_THE_BLOCK)
    floor = FLOOR * _norm(expected.gradients.values())
    for name, (gradient, other) in _paired(expected.gradients, found.gradients).items():
        _refuse(_difference(gradient, other, floor), EXACT, f"the gradient of {name}", MEND_THE_BLOCK)
    for name, buffer in expected.buffers.items():
        if buffer.is_floating_point():
            _refuse(_difference(buffer, found.buffers[name]), EXACT, name, MEND_THE_BLOCK)
    return True


def _compare_loosely(expected: Result, found: Result, limits: Limits, mend: str) -> None:
    _refuse(_difference(expected.loss, found.loss, 1.0), limits.loss, "the loss", mend)
    sizes = _norm(expected.gradients.values()), _norm(found.gradients.values())
    _refuse(_difference(*sizes), limits.gradient_size, "the size of the gradient", mend)
    error = _norm(gradient - other for gradient, other in _paired(expected.gradients, found.gradients).values())
    _refuse(error / (sizes[0] + FLOOR), limits.gradient, "the gradient", mend)
    for name, buffer in expected.buffers.items():
        # the fused network, not the compiler, counts batches
        limit, advice = (limits.statistics, mend) if buffer.is_floating_point() else (0.0, MEND_THE_BLOCK)
        _refuse(_difference(buffer, found.buffers[name]), limit, name, advice)


def _paired(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """The gradients of every parameter that either step reaches; zero where the other does not."""
    zeros = {name: torch.zeros_like(one) for name, one in (*expected.items(), *found.items())}
    return {name: (expected.get(name, zero), found.get(name, zero)) for name, zero in zeros.items()}


def _refuse(difference: Tensor, limit: float, what: str, mend: str) -> None:
    if not difference <= limit:  # refuses NaN too
        raise StudyError(
            f"compiled training would not be what is written: {what} differs by {100 * float(difference):.3g} %; {mend}"
        )


def _step(model: nn.Module, step: Step) -> Result:
    """The result of one step in the precision of the run. Buffers and random streams are restored."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with _same_draws(model):
            result = _result(step(), dict(model.named_parameters()), dict(model.named_buffers()))
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
    return result


def _double_step(model: nn.Module, network: nn.Module, images_BCHW: Tensor) -> Result:
    """The result of one step in double precision, on copies of the model's weights.

    network: the model, or its fused network, which shares the weights.
    """
    copies = {id(tensor): _double(tensor) for tensor in (*model.parameters(), *model.buffers())}
    own = {name: copies[id(tensor)] for name, tensor in (*network.named_parameters(), *network.named_buffers())}
    with _same_draws(model), torch.autocast(images_BCHW.device.type, enabled=False):
        logits = functional_call(network, own, (images_BCHW,))
    parameters, buffers = (
        {name: copies[id(tensor)] for name, tensor in named}
        for named in (model.named_parameters(), model.named_buffers())
    )
    return _result(logits, parameters, buffers)


def _double(tensor: Tensor) -> Tensor:
    copy = tensor.detach().double() if tensor.is_floating_point() else tensor.detach()
    return copy.clone().requires_grad_(tensor.requires_grad)


def _result(output: Output, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor]) -> Result:
    loss = _loss(output) if isinstance(output, Tensor) else output[0]
    trained = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
    with torch.autocast(loss.device.type, enabled=False):
        gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    given = {name: gradient for name, gradient in zip(trained, gradients, strict=True) if gradient is not None}
    return Result(loss.detach(), given, {name: buffer.clone() for name, buffer in buffers.items()})


def _loss(logits_BK: Tensor) -> Tensor:
    """A loss that needs no labels: cross entropy with the labels 0, 1, 2, ..."""
    logits = logits_BK.to(torch.promote_types(logits_BK.dtype, torch.float32))
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device) % logits.shape[1])


@contextmanager
def _same_draws(model: nn.Module) -> Iterator[None]:
    device = next(model.parameters()).device
    with kept_streams(model), torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


@dataclass(frozen=True, slots=True)
class Forward:
    """One forward pass. images: its input. coarse: whether it computes with fewer than fp32's 24 bits."""

    images: Tensor
    coarse: bool


@contextmanager
def _forward_of(model: nn.Module) -> Iterator[list[Forward]]:
    """Lists the forward passes of a network while the context is open."""
    seen: list[Forward] = []

    def listen(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        images = inputs[0]
        low = torch.is_autocast_enabled(images.device.type) or torch.finfo(images.dtype).bits < 32
        tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        seen.append(Forward(images, low or (images.is_cuda and tf32)))

    hook = model.register_forward_pre_hook(listen)
    try:
        yield seen
    finally:
        hook.remove()


def _difference(expected: Tensor, found: Tensor, floor: Tensor | float = FLOOR) -> Tensor:
    """The norm of the difference, divided by the norm of what is expected plus the floor."""
    expected, found = expected.double(), found.double()
    return (expected - found).norm() / (expected.norm() + floor + TINY)


def _norm(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack([tensor.double().norm() for tensor in tensors]).norm()
