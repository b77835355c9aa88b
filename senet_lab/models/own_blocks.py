"""A user's own blocks: made, and tried on zeros at every site, so that a mistake is reported before training.

Every mistake is a StudyError with the file and line of the user's code.
"""

from torch import nn

from senet_lab.errors import StudyError
from senet_lab.extensions import Entry, Unfit, find_block, names_of_blocks
from senet_lab.models.output_shape import other_shape
from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study.block import BlockSpec
from senet_lab.study.names import nearest

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
        shape = other_shape(module, wanted, wanted)
        if shape is not None:
            made = f"a {shape}" if isinstance(shape, str) else f"a map of {shape[1:]}"
            raise Unfit(
                f"block {spec.block!r} makes {made} from a map of {wanted[1:]} at {site.name}; "
                "its output must have the shape of its input",
                type(module).forward,
            )
    return module
