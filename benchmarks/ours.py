"""The contenders of this project: both executors as runs use them, and steps with several implementations of SE."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from ablations.protocols import CIFAR10
from benchmarks.baselines import MEAN, STD, images_and_labels
from benchmarks.race import Pace
from senet_lab.data.arrays import ImageArrays, Split
from senet_lab.data.resident import ResidentData
from senet_lab.fleet.worker import keep_memory
from senet_lab.models.registry import build_model, channels_last
from senet_lab.models.sites import AttentionFactory, Site, no_attention, se_factory
from senet_lab.study import Cell, Protocol, SESpec
from senet_lab.study.protocol import Precision
from senet_lab.study.se import Integration
from senet_lab.training import device_loop, lightning_loop
from senet_lab.training.compiled import compiled_network
from senet_lab.training.run_state import Hooks

REDUCTION = 16


def protocol(batch: int, precision: str) -> Protocol:
    """The full CIFAR-10 recipe at another batch size or precision."""
    return replace(CIFAR10, batch_size=batch, precision=Precision(precision))


def resident(recipe: Protocol, device: str) -> ResidentData:
    """Random images, kept on the device as this project keeps its data."""
    images, labels = images_and_labels()
    names, test = tuple(map(str, range(recipe.num_classes))), Split(images[:10_000], labels[:10_000])
    arrays = ImageArrays("random", names, Split(images, labels), test, MEAN, STD)
    return ResidentData(arrays, recipe, torch.device(device))


def executor(
    pace: Pace, name: str, backbone: str, se: SESpec | None, batch: int, precision: str, compiled: bool, device: str
) -> None:
    """Trains as a worker does. name: the executor, "device" or "lightning". pace: called after each step."""
    keep_memory()
    recipe = protocol(batch, precision)
    model = channels_last(build_model(backbone, se, 10)).to(device)
    data = resident(recipe, device)
    hooks = Hooks(report=lambda _: pace())
    if name == "device":
        device_loop.train(model, data, recipe, 0, hooks=hooks, compiled=compiled)
    else:
        cell = Cell(backbone=backbone, se=se, protocol=recipe)
        lightning_loop.train(model, data, cell, 0, hooks=hooks, compiled=compiled)


def _timm(site: Site) -> nn.Module:
    from timm.layers.squeeze_excite import SEModule

    return SEModule(site.channels, rd_channels=site.channels // REDUCTION, bias=False)


def _torchvision(site: Site) -> nn.Module:
    from torchvision.ops import SqueezeExcitation

    return SqueezeExcitation(site.channels, site.channels // REDUCTION)


def _at_standard(block: Callable[[Site], nn.Module]) -> AttentionFactory:
    return lambda site: block(site) if site.point is Integration.STANDARD else nn.Identity()


BLOCKS: dict[str, AttentionFactory] = {
    "without": no_attention,
    "ours": se_factory(SESpec(reduction=REDUCTION)),
    "timm": _at_standard(_timm),
    "torchvision": _at_standard(_torchvision),
}


def step_with(
    pace: Pace,
    block: str,
    backbone: str,
    batch: int,
    size: int,
    compiled: bool,
    training: bool,
    precision: str,
    device: str,
) -> None:
    """Repeats training steps (or forward passes) of a backbone with one implementation of the block, on one batch.

    block: a name in BLOCKS. size: the images' side in pixels. pace: called after each step.
    """
    keep_memory()
    model = channels_last(build_model(backbone, num_classes=10, attention=BLOCKS[block])).to(device).train(training)
    network: Callable[[torch.Tensor], torch.Tensor] = model
    if compiled:
        network = compiled_network(model) if training else torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    images = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch, device=device) % 10
    low = precision == "bf16"
    while True:
        with torch.set_grad_enabled(training), torch.autocast(device.split(":")[0], torch.bfloat16, enabled=low):
            logits = network(images)
        if training:
            F.cross_entropy(logits.float(), labels).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        pace()
