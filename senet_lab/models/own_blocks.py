"""A user's own blocks: made, and tried on zeros at every site, so that a mistake is reported before training.

Every mistake is a StudyError with the file and line of the user's code.
"""

import contextlib

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.extensions import Entry, Unfit, find_block, names_of_blocks
from senet_lab.models.blocks import Gated, is_gated
from senet_lab.models.gate_taps import gate_heard
from senet_lab.models.output_shape import device_of, mark_random, other_shape
from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study.block import BlockSpec
from senet_lab.study.names import nearest
from senet_lab.study.se import Gate

PROBE = (2, 6, 5)  # batch, height, width of the map that a user's block is tried on
ANOTHER = (2, 7, 8)  # of a further one, of which a block may keep no more than of the first


def own_factory(spec: BlockSpec) -> AttentionFactory:
    """The factory that puts a user's block into every site that its spec names.

    Raises StudyError for a block that is not loaded, that raises an error, that is no module, whose output has another
    shape or type than its input, whose ``gate`` is not the factor that it applies, whose ``gate_kind`` is no kind of
    gate, or whose state no checkpoint could hold.
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
        shape = other_shape(module, wanted, wanted)
        if shape is not None:
            made = f"a {shape}" if isinstance(shape, str) else f"a map of {shape[1:]}"
            raise Unfit(
                f"block {spec.block!r} makes {made} from a map of {wanted[1:]} at {site.name}; "
                "its output must have the shape of its input",
                type(module).forward,
            )
        _refuse_other_values(module, wanted, what)
        _refuse_other_state(module, (ANOTHER[0], site.channels, *ANOTHER[1:]), what)
        mark_random(module, wanted)
    return module


def _refuse_other_state(module: nn.Module, shape: tuple[int, ...], what: str) -> None:
    """Raises Unfit for a ``gate_kind`` that is none, for state that is no tensor, and for a tensor that takes the size
    of the map: such a state would not fit a network that has not seen that map. shape: of a map of another size."""
    kind = getattr(module, "gate_kind", Gate.SIGMOID)
    if kind not in list(Gate):
        raise Unfit(
            f"{what} has gate_kind {kind!r}; it must be one of {', '.join(map(str, Gate))}", type(module).forward
        )
    before = _shapes(module, what)
    other_shape(module, shape, shape)
    for name, after in _shapes(module, what).items():
        if before.get(name) != after:
            raise Unfit(
                f"{what} keeps {name}, whose shape follows that of the map, so that no checkpoint could be loaded; "
                "compute it in forward, or register it with persistent=False",
                type(module).forward,
            )


def _shapes(module: nn.Module, what: str) -> dict[str, torch.Size]:
    state = module.state_dict()
    odd = next((name for name, tensor in state.items() if not isinstance(tensor, Tensor)), None)
    if odd is not None:
        raise Unfit(f"{what} has state that is no tensor ({odd}); keep it in a buffer", type(module).forward)
    return {name: tensor.shape for name, tensor in state.items()}


def _refuse_other_values(module: nn.Module, shape: tuple[int, ...], what: str) -> None:
    """Raises Unfit for an output that is not fp32, and for a ``gate`` that is not the factor by which it multiplies.

    The map is drawn at random from a stream of its own. On the meta device, which has no values, nothing is compared.
    """
    device = device_of(module)
    if device.type == "meta":
        return
    u_BCHW = torch.randn(shape, generator=torch.Generator().manual_seed(0), device="cpu").to(device)
    training = module.training
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        module.eval()
        gated = isinstance(module, Gated) and is_gated(module)
        heard: list[Tensor] = []
        with gate_heard(module, lambda u, s: heard.append(s)) if gated else contextlib.nullcontext():
            out = module(u_BCHW)
        factor = module.gate(u_BCHW) if isinstance(module, Gated) and gated else None
        module.train(training)
    if out.dtype is not u_BCHW.dtype:
        raise Unfit(f"{what} makes {out.dtype} from {u_BCHW.dtype}; keep the type of its input", type(module).forward)
    if factor is not None and not _is_factor(factor, u_BCHW, out):
        raise Unfit(
            f"{what} has a gate(u), but forward(u) is not u * gate(u) with a factor B C 1 1 or B C H W; give the "
            "method another name",
            type(module).forward,
        )
    if gated and not heard:
        text = "has a gate(u) that its forward does not call, so that nothing could read it; write u * self.gate(u)"
        raise Unfit(f"{what} {text}", type(module).forward)


def _is_factor(factor: object, u_BCHW: Tensor, out_BCHW: Tensor) -> bool:
    """Whether an output is its input times this factor. A factor may have 1 in place of any size."""
    if not isinstance(factor, Tensor) or factor.dim() != u_BCHW.dim():
        return False
    if any(size not in (1, whole) for size, whole in zip(factor.shape, u_BCHW.shape, strict=True)):
        return False
    return torch.allclose(out_BCHW, (u_BCHW * factor).to(out_BCHW.dtype), rtol=1e-3, atol=1e-4)
