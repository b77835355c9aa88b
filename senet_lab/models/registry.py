"""build_model: every network by name, with or without SE."""

from typing import Any

import torch
from torch import nn

from senet_lab.models.backbones import (
    bn_inception,
    inception_resnet_v2,
    mobilenet,
    preresnet,
    resnet,
    resnext,
    senet154,
    shake,
    shufflenet,
    vgg,
    wide_resnet,
)
from senet_lab.models.family import Family, Sized
from senet_lab.models.initialise import Undrawn, initialise
from senet_lab.models.placement import Placement
from senet_lab.models.se_block import SEBlock
from senet_lab.models.sites import AttentionFactory, noting_stages, refuse_missing_sites, se_factory
from senet_lab.study.names import nearest
from senet_lab.study.released import View
from senet_lab.study.se import SESpec

FAMILIES: tuple[Family[Any], ...] = tuple(
    module.FAMILY
    for module in (
        resnet,
        preresnet,
        resnext,
        senet154,
        vgg,
        bn_inception,
        inception_resnet_v2,
        mobilenet,
        shufflenet,
        wide_resnet,
        shake,
    )
)


SMALL = 32  # pixels of images that are no photos


def model_names() -> list[str]:
    """Every name that ``build_model`` takes."""
    return [name for family in FAMILIES for name in family.layouts]


def image_size(name: str) -> int:
    """The input size in pixels that a network is made for."""
    layout: Sized = _family(name).layouts[name]
    return layout.image_size


def usual_view(name: str) -> View | None:
    """How the paper shows photos to a network: the central 224 pixels of a shorter side of 256, 299 of 352, and others
    in the proportion of the first. None for a network that is made for small images, not photos."""
    size = image_size(name)
    return View(size=size, resize=352 if size == 299 else size * 8 // 7) if size > SMALL else None


def build_model(
    name: str,
    se: SESpec | None = None,
    num_classes: int = 1000,
    seed: int = 0,
    device: str = "cpu",
    *,
    attention: AttentionFactory | None = None,
) -> nn.Module:
    """A network by name: plain (``se=None``), with SE, or with other blocks. Its weights are drawn from ``seed`` alone.

    attention: a factory in place of ``se``. It is called with every ``Site`` of the network and returns the block that
    sits there, or ``nn.Identity()`` for an empty site. ``models.blocks`` says what a block may declare about itself.

    Equal names and seeds give equal weights, and the backbone's weights do not depend on the blocks. On the "meta"
    device no weights are drawn. Raises ValueError for an unknown name, for ``se`` of another type, for ``se`` and
    ``attention`` together, for a factory that does not give a module, and for an SESpec that does not fit the network:
    its reduction ratio does not divide a width, or the network does not have its stage or integration point.
    """
    if not isinstance(se, SESpec | None):
        raise ValueError(f"se is {se!r}; it must be an SESpec or None. Blocks of your own go into a Cell or attention=")
    if se is not None and attention is not None:
        raise ValueError("a network has blocks by se or by attention, not both")
    family = _family(name)
    placement = Placement(attention, seed) if attention is not None else None
    attend, stages = noting_stages(se_factory(se), se)
    # Layers draw weights when they are made. ``initialise`` replaces them, so only a user's blocks need draw any; they
    # draw from the global stream, which is restored.
    drawing = torch.random.fork_rng(devices=[]) if placement else Undrawn()
    with torch.device("meta" if device == "meta" else "cpu"), drawing:
        try:
            model = family.build(name, placement or attend, num_classes)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if se is not None:
        refuse_missing_sites(name, stages, se)
    if device != "meta":
        initialise(model, seed, placement.blocks if placement else ())
    return model.to(device)


def channels_last(model: nn.Module) -> nn.Module:
    """Lays a network's convolution weights out for channels_last images, in place, and returns the network."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.to(memory_format=torch.channels_last)
    return model


def se_blocks(model: nn.Module) -> dict[str, SEBlock]:
    """The SE blocks of a network by the paper's names, in forward order."""
    return {module.name: module for module in model.modules() if isinstance(module, SEBlock)}


def _family(name: str) -> Family[Any]:
    for family in FAMILIES:
        if name in family.layouts:
            return family
    raise ValueError(f"no network is called {name!r}; the nearest name is {nearest(name, model_names())!r}")
