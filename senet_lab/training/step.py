"""The step that both executors drive: loss, counts, parameter groups. Pure but for the model's own buffers.

B batch, K classes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.study.protocol import Precision, Protocol
from senet_lab.training.ranks import ALONE, Ranks

TOP = (1, 5)


def forward(model: Callable[[Tensor], Tensor], images_BCHW: Tensor, protocol: Protocol) -> Tensor:
    """Logits B K in fp32, in the protocol's precision up to there."""
    with torch.autocast(images_BCHW.device.type, torch.bfloat16, enabled=protocol.precision is Precision.BF16):
        logits = model(images_BCHW)
    return logits.float()


def training_loss(
    model: Callable[[Tensor], Tensor], images_BCHW: Tensor, labels_B: Tensor, protocol: Protocol
) -> tuple[Tensor, Tensor]:
    """The loss that is minimised, a scalar, and how many of the batch are wrong at top-1, a scalar."""
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
    """Leaves the gradients of a batch in the model; returns its loss and how many of it are wrong, both scalars.

    batch: this process's part of it. at_once: the most images that pass through the network together; batch norm runs
    over those.
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
    """Cross entropy without smoothing, B, and whether the true class is among the first 1 and 5, bool B 2."""
    logits = forward(model, images_BCHW, protocol)
    losses = F.cross_entropy(logits, labels_B, reduction="none")
    return losses, hits(logits, labels_B)


def hits(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Whether the true class is among the first 1 and the first 5, bool B 2.

    A class that ties with the true one counts as ahead of it, so that constant logits score no hit; so does a
    logit that is no number.
    """
    true = logits_BK.gather(1, labels_B[:, None])
    ahead = (~(logits_BK < true)).sum(dim=1) - 1
    return torch.stack([ahead < k for k in TOP], dim=1)


def parameter_groups(model: nn.Module, protocol: Protocol) -> list[dict[str, object]]:
    """Weight decay on every parameter, or on the weights of convolutions and FC layers alone."""
    parameters = list(model.parameters())
    if protocol.decay_norm_and_bias:
        return [{"params": parameters, "weight_decay": protocol.weight_decay}]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": protocol.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def make_optimizer(model: nn.Module, protocol: Protocol) -> torch.optim.SGD:
    """SGD with momentum as the protocol says, in one fused kernel."""
    return torch.optim.SGD(
        parameter_groups(model, protocol),
        lr=protocol.schedule.peak_lr,
        momentum=protocol.momentum,
        nesterov=protocol.nesterov,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
