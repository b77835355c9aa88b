"""The network of a cell: one of this project's or a user's own; plain, with SE, or with a user's own block.

For a cell of detection it is a detector, and that network is its trunk.
"""

import copy
import difflib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from senet_lab import extensions
from senet_lab.errors import StudyError
from senet_lab.models.detector import detector_on
from senet_lab.models.initialise import initialise, without_rule
from senet_lab.models.placement import Placement
from senet_lab.models.registry import build_model, model_names
from senet_lab.models.sites import AttentionFactory, Site, se_factory
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import Cell

PROBE = (2, 6, 5)  # batch, height, width of the map that a user's block is tried on
TRUNK_CLASSES = 1000  # ImageNet's: the size of a trunk's classifier, which the detector does not use


def build_cell(cell: Cell, seed: int = 0, device: str = "cpu", trunk: Mapping[str, Tensor] | None = None) -> nn.Module:
    """The network of a cell. Its weights are drawn from ``seed`` alone, as by ``build_model``.

    trunk: for a detector, the state dict of the network under it, with the names that ``build_network`` gives.

    Raises ValueError as ``build_model`` does, and for a network that cannot be a trunk. Raises StudyError, which names
    file and line, for a user's block or network that is not loaded, that raises an error, that is no module, or whose
    output has the wrong shape.
    """
    if cell.protocol.detection is None:
        return build_network(cell, cell.protocol.num_classes, seed, device)
    classes = TRUNK_CLASSES if trunk is None else classes_of_trunk(trunk)
    network = build_network(cell, classes, seed, device)
    if trunk is not None:
        network.load_state_dict(trunk)
    with torch.device(device):
        return detector_on(network, cell.backbone, cell.protocol, seed)


def classes_of_trunk(state: Mapping[str, Tensor]) -> int:
    """The number of classes of a network, read from the classifier in its state dict; 1000 without that entry."""
    return len(state["classifier.bias"]) if "classifier.bias" in state else TRUNK_CLASSES


def build_network(cell: Cell, num_classes: int, seed: int = 0, device: str = "cpu") -> nn.Module:
    """The classification network of a cell; a detector's trunk is one. Raises as ``build_cell``."""
    own = extensions.find_network(cell.backbone)
    block = cell.se if isinstance(cell.se, BlockSpec) else None
    if own is None:
        if block is None:
            return build_model(cell.backbone, cell.se, num_classes, seed, device)  # type: ignore[arg-type]
        _refuse_unknown(cell.backbone)
        attend = own_factory(block)
        return build_model(cell.backbone, None, num_classes, seed, device, attention=attend)
    return _own_network(cell, own, num_classes, seed, device)


def own_factory(block: BlockSpec) -> AttentionFactory:
    """The factory that puts a user's block into every site that its spec names. Raises StudyError as ``build_cell``."""
    found = extensions.find_block(block.block)
    if found is None:
        known = extensions.names_of_blocks()
        near = difflib.get_close_matches(block.block, known, n=1, cutoff=0)
        hint = f"the nearest is {near[0]!r}" if near else "name the file that has it under BLOCKS"
        raise StudyError(f"no block is called {block.block!r}; {hint}")
    factory, extension = found

    def attend(site: Site) -> nn.Module:
        if site.point is not block.integration or not block.covers(site.stage):
            return nn.Identity()
        try:
            module = factory(site, **block.arguments)
        except Exception as error:  # whatever a user's code raises
            raise StudyError(_blamed(error, extension, block, site, factory)) from None
        if not isinstance(module, nn.Module):
            place = extensions.place_of(extension, "BLOCKS", block.block, factory)
            kind = type(module).__name__
            raise StudyError(f"{place}: block {block.block!r} gives a {kind} at {site.name}, no nn.Module")
        _try(module, extension, block, site)
        return module

    return attend


def _try(module: nn.Module, extension: extensions.Extension, block: BlockSpec, site: Site) -> None:
    """Runs a block on a small map in both modes, so that a mistake is reported before training."""
    parameter = next(module.parameters(), None)
    device = parameter.device if parameter is not None else torch.get_default_device()
    batch, height, width = PROBE
    wanted = (batch, site.channels, height, width)
    u_BCHW = torch.zeros(wanted, device=device)
    try:
        found = [_output(network, u_BCHW) for network in _as_evaluated_and_as_trained(module)]
    except Exception as error:
        raise StudyError(_blamed(error, extension, block, site, type(module).forward)) from None
    shape = next((shape for shape in found if shape != wanted), None)
    if shape is not None:
        place = extensions.place_of(extension, "BLOCKS", block.block, type(module).forward)
        raise StudyError(
            f"{place}: block {block.block!r} makes a map of {shape[1:]} from one of "
            f"{(site.channels, height, width)} at {site.name}; its output must have the shape of its input"
        )


def _as_evaluated_and_as_trained(module: nn.Module) -> Iterator[nn.Module]:
    """The module in evaluation mode, then a copy in training mode, whose statistics may move.

    The module is left in the mode it came in. A module that cannot be copied is given in evaluation mode only.
    """
    training = module.training
    with torch.random.fork_rng(devices=[]):
        yield module.eval()
        module.train(training)
        try:
            copied = copy.deepcopy(module)
        except Exception:  # then a mistake in training mode shows in training only
            return
        yield copied.train()


def _output(network: nn.Module, x: Tensor) -> tuple[int, ...] | str:
    with torch.no_grad():
        out = network(x)
    return tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__


def _blamed(error: Exception, extension: extensions.Extension, block: BlockSpec, site: Site, code: object) -> str:
    text, what = extensions.blame(error, extension.source), f"block {block.block!r} at {site.name}"
    if ", line " not in text:  # raised at the call itself, such as for a wrong number of arguments
        place = extensions.place_of(extension, "BLOCKS", block.block, code)
        text = text.replace(extension.source, place, 1)
    return f"{text} ({what})"


def _refuse_unknown(backbone: str) -> None:
    if backbone not in model_names():
        near = difflib.get_close_matches(backbone, model_names(), n=1, cutoff=0)
        raise ValueError(f"no network is called {backbone!r}; the nearest name is {near[0]!r}")


def _own_network(cell: Cell, own: extensions.OwnNetwork, num_classes: int, seed: int, device: str) -> nn.Module:
    se = cell.se
    placement = Placement(own_factory(se) if isinstance(se, BlockSpec) else se_factory(se), seed)
    extension = next(one for one in extensions.loaded() if cell.backbone in one.networks)
    place = extensions.place_of(extension, "NETWORKS", cell.backbone)
    if cell.backbone in model_names():
        raise StudyError(f"{place}: network {cell.backbone!r} is taken by one of this project's; rename it")
    with torch.random.fork_rng(devices=[]), torch.device("meta" if device == "meta" else "cpu"):
        torch.manual_seed(seed)
        try:
            model = own.build(placement, num_classes)
        except StudyError:
            raise
        except Exception as error:
            raise StudyError(_blamed_network(error, extension, cell.backbone)) from None
        if not isinstance(model, nn.Module):
            raise StudyError(f"{place}: network {cell.backbone!r} is a {type(model).__name__}, no nn.Module")
        _try_network(model, own, cell.backbone, num_classes, extension)
    if se is not None and not placement.blocks:
        what = se.block if isinstance(se, BlockSpec) else "SE"
        raise ValueError(f"{cell.backbone} has no site for {what} at {se.integration.value!r}")
    if device != "meta":
        own_blocks = placement.blocks if isinstance(se, BlockSpec) else ()
        initialise(model, seed, [*own_blocks, *without_rule(model)])
    return model.to(device)


def _try_network(
    model: nn.Module, own: extensions.OwnNetwork, name: str, num_classes: int, extension: extensions.Extension
) -> None:
    """Runs a network on two images of the size that it is made for, so that a mistake is reported before training."""
    parameter = next(model.parameters(), None)
    device = parameter.device if parameter is not None else torch.get_default_device()
    images = torch.zeros(2, 3, own.image_size, own.image_size, device=device)
    try:
        found = [_output(network, images) for network in _as_evaluated_and_as_trained(model)]
    except Exception as error:
        raise StudyError(_blamed_network(error, extension, name)) from None
    wanted = (2, num_classes)
    shape = next((shape for shape in found if shape != wanted), None)
    if shape is not None:
        place = extensions.place_of(extension, "NETWORKS", name, type(model).forward)
        raise StudyError(f"{place}: network {name!r} makes {shape} of two images; it must make {wanted}")


def _blamed_network(error: Exception, extension: extensions.Extension, name: str) -> str:
    text = extensions.blame(error, extension.source)
    if ", line " not in text:
        text = text.replace(extension.source, extensions.place_of(extension, "NETWORKS", name), 1)
    return f"{text} (network {name!r})"
