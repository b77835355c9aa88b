"""Reads a user's file or package, and checks what stands in it."""

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from senet_lab.errors import StudyError
from senet_lab.extensions.entry import Extension, OwnNetwork
from senet_lab.extensions.lines import blame, place_of
from senet_lab.study.claim import Claim
from senet_lab.study.protocol import Protocol

T = TypeVar("T")
_begun = set[str]()  # the modules of files that are being run


class Told(StudyError):
    """An error in a user's file that names the file already."""


def read_extension(source: str) -> Extension:
    """Runs a file or module, and takes its entries. Raises StudyError with the file and line of a mistake in it."""
    module, path = _module(source)
    blocks = _mapping(module, source, path, "BLOCKS", callable, "a factory: factory(site, **parameters) -> nn.Module")
    networks = _mapping(module, source, path, "NETWORKS", lambda one: isinstance(one, OwnNetwork), "an OwnNetwork")
    datasets = _mapping(module, source, path, "DATASETS", lambda one: isinstance(one, str | Path), "a folder")
    return Extension(
        source,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        _digest(path, module, [*blocks.values(), *(network.build for network in networks.values())]),
        module,
        blocks,
        networks,
        _values(module, source, path, "PROTOCOLS", Protocol),
        {name: (path.parent / folder).resolve() for name, folder in datasets.items()},
        _values(module, source, path, "CLAIMS", Claim),
    )


def _digest(path: Path, module: ModuleType, code: Iterable[object]) -> str:
    """SHA-256 of the file; where there is more, of the SHA-256s of all: a package's own files, and those of the code.

    code: factories, which may be imported from files beside this one. Installed packages and this project do not count.
    """
    found = set(path.parent.rglob("*.py")) if hasattr(module, "__path__") else {path}
    found |= {place for one in code if (place := _place_of(one)) and _is_beside(place, path)}
    digests = [hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted({one.resolve() for one in found})]
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _place_of(code: object) -> Path | None:
    """The file with a factory's source; None where it has none: a builtin, or made while running."""
    while isinstance(code, functools.partial):
        code = code.func
    for one in (code, type(code)):  # an object that is called has the source of its class
        with contextlib.suppress(TypeError):
            place = inspect.getsourcefile(inspect.unwrap(one))  # type: ignore[arg-type]
            return Path(place).resolve() if place else None
    return None


def _is_beside(place: Path, file: Path) -> bool:
    """Whether a file lies in the folder of another one or below, as a part of the same work."""
    installed = (Path(sys.prefix).resolve(), Path(__file__).resolve().parents[1])
    return (
        place.is_relative_to(file.resolve().parent)
        and "site-packages" not in place.parts
        and not any(place.is_relative_to(one) for one in installed)
    )


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
    if name in _begun:
        raise Told(f"{source} loads itself, or a file that loads it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look up a class's module there
    _begun.add(name)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        if isinstance(error, Told):  # about a file that this one loads
            raise
        raise Told(blame(error, source)) from None
    finally:
        _begun.remove(name)
    return module, path


def _mapping(
    module: ModuleType, source: str, path: Path, name: str, fits: Callable[[Any], bool], what: str
) -> Mapping[str, Any]:
    found = getattr(module, name, {})
    if not isinstance(found, Mapping):
        raise StudyError(f"{place_of(source, path, name)}: {name} is no mapping of names")
    for key, value in found.items():
        if not isinstance(key, str) or not fits(value):
            place = place_of(source, path, name, key)
            raise StudyError(f"{place}: {name}[{key!r}] is {type(value).__name__}; it must be {what}")
    return found


def _values(module: ModuleType, source: str, path: Path, name: str, kind: type[T]) -> tuple[T, ...]:
    """The values of this kind in a list, tuple or the like of the file, or in a mapping of names."""
    found = getattr(module, name, ())
    if isinstance(found, str | kind) or not isinstance(found, Iterable):
        raise StudyError(
            f"{place_of(source, path, name)}: {name} is a {type(found).__name__}; it must be a list or a tuple, as "
            f"({kind.__name__.lower()},)"
        )
    values = tuple(found.values()) if isinstance(found, Mapping) else tuple(found)
    for one in values:
        if not isinstance(one, kind):
            place = place_of(source, path, name)
            raise StudyError(f"{place}: {name} has a {type(one).__name__}; it must hold values of type {kind.__name__}")
    return values
