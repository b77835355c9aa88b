"""Extensions: a Python file or an installed package with a user's own blocks, networks and data.

Beside ``TABLE`` and ``CLAIMS`` such a file may have

- ``BLOCKS``: name -> factory; ``factory(site, **parameters)`` makes an ``nn.Module`` (see ``senet_lab.models.blocks``);
- ``NETWORKS``: name -> ``OwnNetwork``;
- ``PROTOCOLS``: recipes, for ``--protocol``;
- ``DATASETS``: name -> folder of photos, for protocols on such photos.

It is loaded once in each process that needs it. Its source is a path that ends in ``.py``, or the name of a module.
"""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from senet_lab.errors import StudyError
from senet_lab.extension_lines import line_of_code, line_of_entry
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol

ENTRY_POINTS = "senet_lab.tables"  # the group of entry points of installed packages: name -> module


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """A user's own network.

    build: ``build(attend, num_classes)`` makes an ``nn.Module``. It calls ``attend`` with a
    ``senet_lab.models.sites.Site`` for each place of a block, and puts the returned module there. image_size: the
    images' side in pixels that the network is made for; 32 for CIFAR.
    """

    build: Callable[[Callable[[Any], Any], int], Any]
    image_size: int


@dataclass(frozen=True, slots=True)
class Extension:
    """A loaded file or module. source: its path or name. sha256: the hash of its source text."""

    source: str
    sha256: str
    module: ModuleType
    blocks: Mapping[str, Callable[..., Any]]
    networks: Mapping[str, OwnNetwork]
    protocols: tuple[Protocol, ...]
    datasets: Mapping[str, Path]

    @property
    def name(self) -> str:
        """The file's or module's own name, for records."""
        return Path(self.source).name


_loaded: dict[str, Extension] = {}


def load_extension(source: str) -> Extension:
    """Loads a file or module, once per process. Raises StudyError with the file and line of an error in it."""
    key = str(Path(source).resolve()) if source.endswith(".py") else source
    if key not in _loaded:
        module, path = _module(source)
        extension = Extension(
            source,
            hashlib.sha256(path.read_bytes()).hexdigest(),
            module,
            _mapping(module, source, path, "BLOCKS", callable, "a factory: factory(site, **parameters) -> nn.Module"),
            _mapping(module, source, path, "NETWORKS", lambda one: isinstance(one, OwnNetwork), "an OwnNetwork"),
            _protocols(module, source, path),
            {
                name: (path.parent / folder).resolve()
                for name, folder in _mapping(
                    module, source, path, "DATASETS", lambda one: isinstance(one, str | Path), "a folder"
                ).items()
            },
        )
        _refuse_taken(extension)
        _loaded[key] = extension
    return _loaded[key]


def loaded() -> tuple[Extension, ...]:
    """Every extension of this process."""
    return tuple(_loaded.values())


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
    """Name and SHA-256 of each extension whose code a cell's network uses, for records."""
    return {one.name: one.sha256 for one in used_by(cell)}


def find_block(name: str) -> tuple[Callable[..., Any], Extension] | None:
    """The factory of the block with this name, and its extension; None where no extension has it."""
    return next(((one.blocks[name], one) for one in _loaded.values() if name in one.blocks), None)


def find_network(name: str) -> OwnNetwork | None:
    """The user's own network with this name; None where no extension has it."""
    return next((one.networks[name] for one in _loaded.values() if name in one.networks), None)


def names_of_blocks() -> list[str]:
    """The names of all loaded blocks."""
    return [name for one in _loaded.values() for name in one.blocks]


def own_protocols() -> list[Protocol]:
    """The protocols of all loaded extensions."""
    return [protocol for one in _loaded.values() for protocol in one.protocols]


def folder_of(dataset: str) -> Path | None:
    """The folder of the photos with this name; None where no extension names one."""
    return next((one.datasets[dataset] for one in _loaded.values() if dataset in one.datasets), None)


def entry_points() -> dict[str, str]:
    """The tables of installed packages: name to module."""
    return {one.name: one.value for one in metadata.entry_points(group=ENTRY_POINTS)}


def place_of(extension: Extension, mapping: str, key: str, thing: object = None) -> str:
    """File and line of the entry ``mapping[key]``, or of the function or class ``thing`` where the file has it."""
    path = str(extension.module.__file__)
    code = line_of_code(thing) if thing is not None else None
    if code and code[0] == path:
        return f"{extension.source}, line {code[1]}"
    return _place(extension.source, Path(path), mapping, key)


def _place(source: str, path: Path, mapping: str, key: str | None = None) -> str:
    line = line_of_entry(path, mapping, key)
    return source if line is None else f"{source}, line {line}"


def blamed(error: BaseException) -> str | None:
    """An error in one line, with the file and line of the user's code where it was raised; None for other errors."""
    files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
    mine = next((one for one in _loaded.values() if str(one.module.__file__) in files), None)
    return blame(error, mine.source) if mine else None


def blame(error: BaseException, source: str) -> str:
    """An error in one line, with the last line of this file or module in its traceback, if there is one."""
    path = str(Path(source).resolve()) if source.endswith(".py") else _origin(source)
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno or 0)
    place = f"{source}, line {lines[-1]}" if lines else source
    text = " ".join(str(error).split())[:200]
    return f"{place}: {type(error).__name__}" + f": {text}" * bool(text)


def _module(source: str) -> tuple[ModuleType, Path]:
    if not source.endswith(".py"):
        try:
            module = importlib.import_module(source)
        except (Exception, SystemExit) as error:
            raise StudyError(blame(error, source)) from None
        return module, Path(str(module.__file__))
    path = Path(source).resolve()
    name = f"senet_lab_extension_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise StudyError(f"{source} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look up a class's module there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise StudyError(blame(error, source)) from None
    return module, path


def _origin(source: str) -> str:
    try:
        spec = importlib.util.find_spec(source)
    except (ImportError, ValueError):
        spec = None
    return str(spec.origin) if spec else source


def _mapping(
    module: ModuleType, source: str, path: Path, name: str, fits: Callable[[Any], bool], what: str
) -> Mapping[str, Any]:
    found = getattr(module, name, {})
    if not isinstance(found, Mapping):
        raise StudyError(f"{_place(source, path, name)}: {name} is no mapping of names")
    for key, value in found.items():
        if not isinstance(key, str) or not fits(value):
            place = _place(source, path, name, key)
            raise StudyError(f"{place}: {name}[{key!r}] is {type(value).__name__}; it must be {what}")
    return found


def _protocols(module: ModuleType, source: str, path: Path) -> tuple[Protocol, ...]:
    found = getattr(module, "PROTOCOLS", ())
    protocols = tuple(found.values()) if isinstance(found, Mapping) else tuple(found)
    for one in protocols:
        if not isinstance(one, Protocol):
            place = _place(source, path, "PROTOCOLS")
            raise StudyError(f"{place}: PROTOCOLS has a {type(one).__name__}; it must hold values of type Protocol")
    return protocols


def _refuse_taken(extension: Extension) -> None:
    for other in _loaded.values():
        for kind, name, mine, theirs in (
            ("block", "BLOCKS", extension.blocks, other.blocks),
            ("network", "NETWORKS", extension.networks, other.networks),
            ("data set", "DATASETS", extension.datasets, other.datasets),
        ):
            if taken := sorted(set(mine) & set(theirs)):
                place = place_of(extension, name, taken[0])
                raise StudyError(f"{place}: {kind} {taken[0]!r} is taken by {other.source}; rename one")
