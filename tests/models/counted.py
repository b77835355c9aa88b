"""Networks on the meta device, built and counted once for all tests, which must leave them as they are."""

from functools import cache

from torch import nn

from senet_lab.models.complexity import complexity
from senet_lab.models.registry import build_model, image_size
from senet_lab.study import SESpec
from senet_lab.study.counts import Counts


@cache
def described(name: str, se: SESpec | None) -> nn.Module:
    """A network for 1000 classes without weights."""
    return build_model(name, se, device="meta")


@cache
def counted(name: str, se: SESpec | None) -> Counts:
    """Parameters and operations of this network, for one image of its size."""
    return complexity(described(name, se), image_size(name))
