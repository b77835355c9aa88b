"""Placement: blocks of a factory of one's own, put into the sites of a network."""

import torch
from torch import nn

from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study.cell import derive_seed


class Placement:
    """A factory that makes what another makes, each block from a random stream of its site, and remembers the blocks.

    A block without a ``name`` is given that of its site; a second one in a unit also names its integration point.
    Raises ValueError where the other factory gives no module.
    """

    def __init__(self, attend: AttentionFactory, seed: int) -> None:
        self.attend, self.seed = attend, seed
        self.blocks: list[nn.Module] = []
        self._names: set[str] = set()

    def __call__(self, site: Site) -> nn.Module:
        torch.manual_seed(derive_seed(self.seed, "init", site.name, site.point.value))
        block = self.attend(site)
        if not isinstance(block, nn.Module):
            raise ValueError(f"the factory gave {block!r} for {site.name}; it has to give a module, or nn.Identity()")
        if not isinstance(block, nn.Identity):
            self.blocks.append(block)
            if not hasattr(block, "name"):
                vars(block)["name"] = site.name if site.name not in self._names else f"{site.name}_{site.point.value}"
                self._names.add(site.name)
        return block
