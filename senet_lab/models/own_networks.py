"""A user's own networks: made, and tried on zeros, so that a mistake is reported before training.

Every mistake is a StudyError with the file and line of the user's code.
"""

import torch
from torch import nn

from senet_lab.extensions import Entry, OwnNetwork, Unfit
from senet_lab.models.initialise import initialise, sets_itself, without_rule
from senet_lab.models.output_shape import mark_random, other_shape
from senet_lab.models.placement import Placement
from senet_lab.models.registry import model_names
from senet_lab.models.sites import AttentionFactory
from senet_lab.study.block import BlockSpec
from senet_lab.study.se import SESpec

PASSES = 10  # of a constructor that looks for a shape


def own_network(
    entry: Entry,
    se: SESpec | BlockSpec | None,
    attend: AttentionFactory,
    num_classes: int,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Module:
    """A user's own network, plain or with blocks. Its weights are drawn from ``seed`` alone.

    attend: the factory of the blocks that ``se`` describes. Raises StudyError as ``own_factory`` does.
    """
    own: OwnNetwork = entry.value
    what = f"network {entry.name!r}"
    placement = Placement(attend, seed)
    with torch.random.fork_rng(devices=[]), torch.device("meta" if device == "meta" else "cpu"), entry.blamed(what):
        if entry.name in model_names():
            raise Unfit(f"{what} is taken by one of this project's; rename it")
        torch.manual_seed(seed)
        model = own.build(placement, num_classes)
        if not isinstance(model, nn.Module):
            raise Unfit(f"{what} is a {type(model).__name__}, no nn.Module")
        _refuse_trained(model, what, own)
        wanted = (2, num_classes)
        shape = other_shape(model, (2, 3, own.image_size, own.image_size), wanted)
        if shape is not None:
            raise Unfit(f"{what} makes {shape} of two images; it must make {wanted}", type(model).forward)
        mark_random(model, (2, 3, own.image_size, own.image_size))
    if device != "meta":
        own_blocks = placement.blocks if isinstance(se, BlockSpec) else ()
        initialise(model, seed, own_blocks, without_rule(model))
    return model.to(device)


def _refuse_trained(model: nn.Module, what: str, own: OwnNetwork) -> None:
    """Raises Unfit for a network whose batch norms have seen many images: its weights would be drawn anew, unsaid.

    A few passes by which a constructor finds a shape are no training. Parts with ``reset`` set themselves.
    """
    done: set[int] = set()
    for name, module in model.named_modules():
        if id(module) in done:
            continue
        if sets_itself(module):
            done |= {id(part) for part in module.modules()}
        elif isinstance(module, nn.BatchNorm2d) and _has_learned(module):
            raise Unfit(
                f"{what} brings trained weights (batch norm {name!r} has seen images), which would be drawn anew: "
                "runs train from the seed. Build it without them, or give its class a reset(generator) that sets them",
                own.build,
            )


def _has_learned(norm: nn.BatchNorm2d) -> bool:
    means, batches = norm.running_mean, norm.num_batches_tracked
    if means is None or batches is None or means.is_meta:
        return False
    return bool(means.any()) and not 1 <= int(batches) <= PASSES
