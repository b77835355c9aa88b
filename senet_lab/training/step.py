"""The step that both executors drive: loss, counts, parameter groups. It has no state but the model's own.

B batch, K classes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.study.protocol import Precision, Protocol
from senet_lab.training.autocast import autocast
from senet_lab.training.ranks import ALONE, Ranks

TOP = (1, 5)


def forward(model: Callable[[Tensor], Tensor], images_BCHW: Tensor, protocol: Protocol) -> Tensor:
    """Images B 3 H W -> logits B K in fp32. The network computes them in the protocol's precision."""
    bf16, products = autocast(images_BCHW.device, protocol.precision is Precision.BF16)
    with bf16, products:
        logits = model(images_BCHW)
    return logits.float()


def training_loss(
    model: Callable[[Tensor], Tensor], images_BCHW: Tensor, labels_B: Tensor, protocol: Protocol
) -> tuple[Tensor, Tensor]:
    """The loss that is minimised, and the number of images that are wrong at top-1: two scalars.

    images_BCHW: B 3 H W. labels_B: int64. The loss is the mean cross entropy, with the protocol's label smoothing.
    """
    logits = forward(model, images_BCHW, protocol)
    loss = F.cross_entropy(logits, labels_B, label_smoothing=protocol.label_smoothing)
    return loss, (logits.detach().argmax(1) != labels_B).sum()


def take_gradients(
    network: Callable[[Tensor], Tensor],
    model: nn.Module,
    batch: Batch,
    protocol: Protocol,
    ranks: Ranks = ALONE,
    at_once: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Leaves the gradients of a batch in the model. Returns its mean loss and its number of wrong images, two scalars.

    network: the model, or a compiled form of it that shares the weights. batch: this process's part of the batch.
    at_once: the most images that pass through the network together; batch norm takes its statistics over these.
    """
    images, labels = batch
    if at_once is None or len(labels) <= at_once:
        loss, wrong = training_loss(network, images, labels, protocol)
        loss.backward()
        loss = loss.detach()
    else:
        loss, wrong = torch.zeros((), device=labels.device), torch.zeros((), device=labels.device, dtype=torch.int64)
        for some_images, some_labels in zip(images.split(at_once), labels.split(at_once), strict=True):
            some_loss, some_wrong = training_loss(network, some_images, some_labels, protocol)
            some_loss = some_loss * (len(some_labels) / len(labels))
            some_loss.backward()
            loss, wrong = loss + some_loss.detach(), wrong + some_wrong
    if ranks.together:
        loss, wrong = ranks.add_up(model, loss, wrong, len(labels) / protocol.batch_size)
    return loss, wrong


@torch.no_grad()
def evaluate(model: nn.Module, images_BCHW: Tensor, labels_B: Tensor, protocol: Protocol) -> tuple[Tensor, Tensor]:
    """Cross entropy without label smoothing, B, and the hits at top-1 and top-5, bool B 2. images_BCHW: B 3 H W."""
    logits = forward(model, images_BCHW, protocol)
    losses = F.cross_entropy(logits, labels_B, reduction="none")
    return losses, hits(logits, labels_B)


def hits(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Whether the true class is the first, and whether it is among the first five: bool B 2.

    A class counts as ahead of the true one if the two logits tie, so that constant logits give no hit. It also does if
    one of them is NaN.
    """
    true = logits_BK.gather(1, labels_B[:, None])
    ahead = (~(logits_BK < true)).sum(dim=1) - 1
    return torch.stack([ahead < k for k in TOP], dim=1)


def parameter_groups(model: nn.Module, protocol: Protocol) -> list[dict[str, object]]:
    """The optimiser's parameter groups: weight decay on all parameters, or only on those of more than one axis.

    The latter are the weights of convolutions and FC layers.
    """
    parameters = list(model.parameters())
    if protocol.decay_norm_and_bias:
        return [{"params": parameters, "weight_decay": protocol.weight_decay}]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": protocol.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def make_optimizer(model: nn.Module, protocol: Protocol) -> torch.optim.SGD:
    """SGD with the protocol's momentum and weight decay, in one fused kernel.

    Every parameter's momentum begins at zero, with which the first step computes the same as without one. So a
    parameter may get its first gradient later than others; the fused kernel takes momentum for all or for none.
    """
    optimizer = torch.optim.SGD(
        parameter_groups(model, protocol),
        lr=protocol.schedule.peak_lr,
        momentum=protocol.momentum,
        nesterov=protocol.nesterov,
        fused=True,
    )
    if protocol.momentum:

        def begin(*_: object) -> None:
            _begin_momentum(optimizer)
            first_step.remove()  # later steps find every buffer

        first_step = optimizer.register_step_pre_hook(begin)
    return optimizer


def _begin_momentum(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.requires_grad and optimizer.state[parameter].get("momentum_buffer") is None:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
