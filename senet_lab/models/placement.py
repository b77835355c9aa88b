"""Placement: an attention factory that keeps account of the blocks that another factory makes."""

import torch
from torch import nn

from senet_lab.models.sites import AttentionFactory, Site
from senet_lab.study.cell import derive_seed


class Placement:
    """Calls the factory ``attend`` for every site, each time on a random stream of that site, and lists the blocks.

    The stream of the network around the sites goes on as if no block had been made, so that its parts have the same
    weights in every row. A block without a ``name``, or with one that another block has, gets the name of its site. For
    a second block in a unit the integration point is added to the name. Raises ValueError where ``attend`` does not
    give a module.
    """

    def __init__(self, attend: AttentionFactory, seed: int) -> None:
        self.attend, self.seed = attend, seed
        self.blocks: list[nn.Module] = []
        self._names: set[str] = set()

    def __call__(self, site: Site) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, "init", site.name, site.point.value))
            block = self.attend(site)
        if not isinstance(block, nn.Module):
            raise ValueError(f"the factory gave {block!r} for {site.name}; it has to give a module, or nn.Identity()")
        if not isinstance(block, nn.Identity):
            self.blocks.append(block)
            name = str(getattr(block, "name", site.name))
            if name in self._names:
                name = site.name if site.name not in self._names else f"{site.name}_{site.point.value}"
            if getattr(block, "name", None) != name:
                vars(block)["name"] = name
            self._names.add(name)
        return block
