"""Cell and Run, their canonical JSON, and a cell's key."""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any

from senet_lab.study.block import BlockSpec
from senet_lab.study.protocol import Protocol
from senet_lab.study.se import SESpec
from senet_lab.study.values import choice, left_out, may_be_missing

T = typing.TypeVar("T")
KEY_LENGTH = 16  # hexadecimal digits: 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One scientific condition: a backbone, its block, and a protocol.

    se: the SE block, or a user's own block; None for a plain network. Raises ValueError for a value of another type.
    """

    backbone: str
    se: SESpec | BlockSpec | None
    protocol: Protocol

    def __post_init__(self) -> None:
        if not isinstance(self.backbone, str):
            raise ValueError(f"backbone is {self.backbone!r}; it must be the name of a network")
        if not isinstance(self.se, SESpec | BlockSpec | None):
            raise ValueError(f"se is {self.se!r}; it must be an SESpec, a BlockSpec, or None for a plain network")
        if not isinstance(self.protocol, Protocol):
            raise ValueError(f"protocol is {self.protocol!r}; it must be a Protocol")

    @property
    def key(self) -> str:
        """The cell's name: 16 hexadecimal digits of a hash of its value. It does not depend on seed, code or label."""
        return _key_of(self)


@lru_cache(maxsize=4096)
def _key_of(cell: Cell) -> str:
    return hashlib.sha256(canonical_json(cell).encode()).hexdigest()[:KEY_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One cell with one seed. All random streams of the run derive from the seed."""

    cell: Cell
    seed: int


def runs_of(cells: Iterable[Cell], seeds: int) -> tuple[Run, ...]:
    """Every run of these cells for seeds 0 .. seeds-1, seed by seed. Each cell counts once."""
    unique = {cell.key: cell for cell in cells}
    return tuple(Run(cell=cell, seed=seed) for seed in range(seeds) for cell in unique.values())


def derive_seed(seed: int, *purpose: object) -> int:
    """A 63-bit seed for one purpose, such as ("order", epoch). It does not depend on the cell."""
    text = json.dumps([seed, *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def to_plain(value: Any, *, prose: bool = False) -> Any:
    """A study value as JSON data.

    prose: include the fields for readers. Fields that were added later are left out at their default (``values``).
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: to_plain(getattr(value, f.name), prose=prose)
            for f in dataclasses.fields(value)
            if (prose or not f.metadata.get("prose")) and not left_out(f, getattr(value, f.name))
        }
    if isinstance(value, dict):
        return {name: to_plain(item, prose=prose) for name, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [to_plain(item, prose=prose) for item in value]
    return value


def canonical_json(value: Any) -> str:
    """The text whose hash is the key: JSON with sorted names and without spaces.

    Fields for readers are left out, and so are fields of later schemas that are at their default.
    """
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


class UnknownFields(ValueError):
    """The data has fields that this version does not know. A later version wrote them."""


def from_plain(kind: type[T], data: Any) -> T:
    """The value of class ``kind`` that ``to_plain`` turned into ``data``. Fields newer than the data get their default.

    Raises UnknownFields for an unknown field, and ValueError for a missing field or an invalid value.
    """
    return typing.cast(T, _build(kind, data))


def _build(kind: Any, data: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _build_union(typing.get_args(kind), data)
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{data!r} is no list")
        item = typing.get_args(kind)[0]
        return tuple(_build(item, element) for element in data)
    if origin is dict:
        if not isinstance(data, dict):
            raise ValueError(f"{data!r} is no mapping")
        item = typing.get_args(kind)[1]
        return {name: _build(item, element) for name, element in data.items()}
    if origin is typing.Literal:
        return data
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return choice(kind, kind.__name__.lower(), data) if issubclass(kind, StrEnum) else kind(data)
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is not kind:
        raise ValueError(f"{data!r} is no {kind.__name__}")
    return data


def _build_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in kinds:
        return None
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal and data in typing.get_args(kind):
            return data
    errors: list[ValueError] = []
    for kind in kinds:
        if kind is not type(None) and typing.get_origin(kind) is not typing.Literal:
            try:
                return _build(kind, data)
            except ValueError as error:
                errors.append(error)
    raise errors[0]


def _build_dataclass(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"{data!r} is no {kind.__name__}")
    return kind(**fields_from_plain(kind, data))


def fields_from_plain(kind: Any, data: dict[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass from JSON data, except those in ``without``. Raises the errors of ``from_plain``."""
    fields = {f.name: f for f in dataclasses.fields(kind) if f.name not in without}
    missing = sorted(name for name, f in fields.items() if name not in data and not may_be_missing(f))
    unknown = sorted(set(data) - set(fields))
    if missing:
        raise ValueError(f"{kind.__name__}: missing fields {missing}, unknown fields {unknown}")
    if unknown:
        raise UnknownFields(f"{kind.__name__}: unknown fields {unknown}")
    types_of = _types_of(kind)
    return {name: _build(types_of[name], value) for name, value in data.items()}


@lru_cache
def _types_of(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
