"""The extensions of this process: loaded once each, and found by the names of what they hold."""

import traceback
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.extensions.entry import Entry, Extension
from senet_lab.extensions.lines import blame
from senet_lab.extensions.read import read_extension
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol

ENTRY_POINTS = "senet_lab.tables"  # the group of entry points of installed packages: name -> module

_loaded: dict[str, Extension] = {}


def load_extension(source: str) -> Extension:
    """Loads a file or module, once per process. Raises StudyError with the file and line of an error in it."""
    key = str(Path(source).resolve()) if source.endswith(".py") else source
    if key not in _loaded:
        extension = read_extension(source)
        _refuse_taken(extension)
        _loaded[key] = extension
    return _loaded[key]


def sources() -> tuple[str, ...]:
    """The sources of all loaded extensions, so that new processes can load them, too."""
    return tuple(_loaded)


def used_by(cell: Cell) -> list[Extension]:
    """The extensions whose code a cell's network uses."""
    block = cell.se.block if isinstance(cell.se, BlockSpec) else None
    return [one for one in _loaded.values() if block in one.blocks or cell.backbone in one.networks]


def needed_by(cells: Iterable[Cell]) -> list[Extension]:
    """The extensions without which these cells cannot be trained: those that have their code or their photos."""
    needed = set[str]()
    for cell in cells:
        photos = cell.protocol.photos
        needed |= {one.source for one in used_by(cell)}
        needed |= {one.source for one in _loaded.values() if photos is not None and photos.name in one.datasets}
    return [one for one in _loaded.values() if one.source in needed]


def digests(cell: Cell) -> dict[str, str]:
    """Name and SHA-256 of each extension whose code a cell's network uses, for records.

    Where two have one name, the folders of their files are added.
    """
    used = used_by(cell)
    names = [one.name for one in used]
    return {
        one.name if names.count(one.name) == 1 else f"{Path(one.source).resolve().parent.name}/{one.name}": one.sha256
        for one in used
    }


def find_block(name: str) -> Entry | None:
    """The entry of the block with this name, whose value is its factory; None where no extension has it."""
    found = ((one, one.blocks[name]) for one in _loaded.values() if name in one.blocks)
    return next((Entry(one, "BLOCKS", name, factory) for one, factory in found), None)


def find_network(name: str) -> Entry | None:
    """The entry of the user's own network with this name, an ``OwnNetwork``; None where no extension has it."""
    found = ((one, one.networks[name]) for one in _loaded.values() if name in one.networks)
    return next((Entry(one, "NETWORKS", name, network) for one, network in found), None)


def names_of_blocks() -> list[str]:
    """The names of all loaded blocks."""
    return [name for one in _loaded.values() for name in one.blocks]


def own_protocols() -> list[Protocol]:
    """The protocols of all loaded extensions."""
    return [protocol for one in _loaded.values() for protocol in one.protocols]


def who_has(protocol: Protocol) -> Extension | None:
    """The loaded extension whose recipes hold this one; None where none does."""
    return next((one for one in _loaded.values() if protocol in one.protocols), None)


def folder_of(dataset: str) -> Path | None:
    """The folder of the photos with this name; None where no extension names one."""
    return next((one.datasets[dataset] for one in _loaded.values() if dataset in one.datasets), None)


def entry_points() -> dict[str, str]:
    """The tables of installed packages: name to module."""
    return {one.name: one.value for one in metadata.entry_points(group=ENTRY_POINTS)}


def blamed(error: BaseException) -> str | None:
    """An error in one line, with the file and line of the user's code where it was raised; None for other errors."""
    files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
    mine = next((one for one in _loaded.values() if str(one.module.__file__) in files), None)
    return blame(error, mine.source) if mine else None


def _refuse_taken(extension: Extension) -> None:
    recipes = dict[str, Protocol]()
    for protocol in [*own_protocols(), *extension.protocols]:
        if recipes.setdefault(protocol.name, protocol) != protocol:
            place = extension.place_of("PROTOCOLS", protocol.name)
            raise StudyError(f"{place}: there is another recipe called {protocol.name!r}; rename one")
    for other in _loaded.values():
        for kind, name, mine, theirs in (
            ("block", "BLOCKS", extension.blocks, other.blocks),
            ("network", "NETWORKS", extension.networks, other.networks),
            ("data set", "DATASETS", extension.datasets, other.datasets),
        ):
            if taken := sorted(set(mine) & set(theirs)):
                place = extension.place_of(name, taken[0])
                raise StudyError(f"{place}: {kind} {taken[0]!r} is taken by {other.source}; rename one")
