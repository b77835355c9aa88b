"""A user's own blocks and networks: made, and tried on zeros, so that a mistake is reported before training.

Every mistake is a StudyError with the file and line of the user's code.
"""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.extensions import Entry, OwnNetwork, Unfit, find_block, names_of_blocks
from senet_lab.models.initialise import initialise, without_rule
from senet_lab.models.placement import Placement
from senet_lab.models.registry import model_names
from senet_lab.models.sites import AttentionFactory, Site, se_factory
from senet_lab.study.block import BlockSpec
from senet_lab.study.names import nearest
from senet_lab.study.se import SESpec

PROBE = (2, 6, 5)  # batch, height, width of the map that a user's block is tried on


def own_factory(spec: BlockSpec) -> AttentionFactory:
    """The factory that puts a user's block into every site that its spec names.

    Raises StudyError for a block that is not loaded, that raises an error, that is no module, or whose output has
    another shape than its input.
    """
    found = find_block(spec.block)
    if found is None:
        known = names_of_blocks()
        hint = f"the nearest is {nearest(spec.block, known)!r}" if known else "name the file that has it under BLOCKS"
        raise StudyError(f"no block is called {spec.block!r}; {hint}")

    def attend(site: Site) -> nn.Module:
        occupied = site.point is spec.integration and spec.covers(site.stage)
        return _own_block(found, spec, site) if occupied else nn.Identity()

    return attend


def _own_block(entry: Entry, spec: BlockSpec, site: Site) -> nn.Module:
    what = f"block {spec.block!r} at {site.name}"
    with entry.blamed(what, entry.value):
        module = entry.value(site, **spec.arguments)
        if not isinstance(module, nn.Module):
            kind = type(module).__name__
            raise Unfit(f"block {spec.block!r} gives a {kind} at {site.name}, no nn.Module", entry.value)
    batch, height, width = PROBE
    with entry.blamed(what, type(module).forward):
        wanted = (batch, site.channels, height, width)
        shape = _other_shape(module, wanted, wanted)
        if shape is not None:
            made = f"a {shape}" if isinstance(shape, str) else f"a map of {shape[1:]}"
            raise Unfit(
                f"block {spec.block!r} makes {made} from a map of {wanted[1:]} at {site.name}; "
                "its output must have the shape of its input",
                type(module).forward,
            )
    return module


def own_network(
    entry: Entry, se: SESpec | BlockSpec | None, num_classes: int, seed: int = 0, device: str = "cpu"
) -> nn.Module:
    """A user's own network, plain or with blocks. Its weights are drawn from ``seed`` alone.

    Raises StudyError as ``own_factory`` does, and ValueError where the network has no site for the block.
    """
    own: OwnNetwork = entry.value
    what = f"network {entry.name!r}"
    placement = Placement(own_factory(se) if isinstance(se, BlockSpec) else se_factory(se), seed)
    with torch.random.fork_rng(devices=[]), torch.device("meta" if device == "meta" else "cpu"), entry.blamed(what):
        if entry.name in model_names():
            raise Unfit(f"{what} is taken by one of this project's; rename it")
        torch.manual_seed(seed)
        model = own.build(placement, num_classes)
        if not isinstance(model, nn.Module):
            raise Unfit(f"{what} is a {type(model).__name__}, no nn.Module")
        wanted = (2, num_classes)
        shape = _other_shape(model, (2, 3, own.image_size, own.image_size), wanted)
        if shape is not None:
            raise Unfit(f"{what} makes {shape} of two images; it must make {wanted}", type(model).forward)
    if se is not None and not placement.blocks:
        block = se.block if isinstance(se, BlockSpec) else "SE"
        raise ValueError(f"{entry.name} has no site for {block} at {se.integration.value!r}")
    if device != "meta":
        own_blocks = placement.blocks if isinstance(se, BlockSpec) else ()
        initialise(model, seed, [*own_blocks, *without_rule(model)])
    return model.to(device)


def _other_shape(module: nn.Module, given: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...] | str | None:
    """What the module makes of zeros of the shape ``given``, in either mode, where that is not of shape ``wanted``.

    It is a shape, or the name of a type that is no tensor.
    """
    parameter = next(module.parameters(), None)
    device = parameter.device if parameter is not None else torch.get_default_device()
    x = torch.zeros(given, device=device)
    # The stream is restored here and not in the generator. An error leaves a generator open, and Python would let it
    # restore the stream when the error is collected, in the middle of another's draws.
    with torch.random.fork_rng(devices=[]):
        found = [_output(network, x) for network in _as_evaluated_and_as_trained(module)]
    return next((shape for shape in found if shape != wanted), None)


def _as_evaluated_and_as_trained(module: nn.Module) -> Iterator[nn.Module]:
    """The module in evaluation mode, then a copy in training mode, whose statistics may move.

    The module is left in the mode it came in. A module that cannot be copied is given in evaluation mode only.
    """
    training = module.training
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
