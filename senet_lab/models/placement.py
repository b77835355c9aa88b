"""Placement: an attention factory that keeps account of the blocks that another factory makes."""

import torch
from torch import nn

from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study.cell import derive_seed


class Placement:
    """Calls the factory ``attend`` for every site, each time on a random stream of that site, and lists the blocks.

    A block without a ``name`` gets the name of its site. For a second block in a unit the integration point is added
    to the name. Raises ValueError where ``attend`` does not give a module.
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
