"""Extensions: a Python file or an installed package with a user's own blocks, networks and data.

Beside ``TABLE`` and ``CLAIMS`` such a file may have

- ``BLOCKS``: name -> factory; ``factory(site, **parameters)`` makes an ``nn.Module`` (see ``senet_lab.models.blocks``);
- ``NETWORKS``: name -> ``OwnNetwork``;
- ``PROTOCOLS``: recipes, for ``--protocol``;
- ``DATASETS``: name -> folder of photos, for protocols on such photos.

It is loaded once in each process that needs it. Its source is a path that ends in ``.py``, or the name of a module.
"""

from senet_lab.extensions.entry import Entry, Extension, OwnNetwork, Unfit
from senet_lab.extensions.registry import (
    blamed,
    digests,
    entry_points,
    find_block,
    find_network,
    folder_of,
    load_extension,
    names_of_blocks,
    needed_by,
    own_protocols,
    sources,
    used_by,
    who_has,
)

__all__ = [
    "Entry",
    "Extension",
    "OwnNetwork",
    "Unfit",
    "blamed",
    "digests",
    "entry_points",
    "find_block",
    "find_network",
    "folder_of",
    "load_extension",
    "names_of_blocks",
    "needed_by",
    "own_protocols",
    "sources",
    "used_by",
    "who_has",
]
