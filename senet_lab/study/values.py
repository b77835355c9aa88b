"""What the fields of study values have in common: their types, and what happens when a class gets a new one.

Every value of a cell is hashed into its key, and every record holds the whole cell. So a class may grow, but only so
that what was hashed before keeps its key. A new field therefore

1. has a default that computes exactly what was computed before the field was there;
2. says the record schema that it came with: ``dropout: float = field(default=0.0, metadata=since(2))``.

At its default such a field is left out of the JSON, and it is filled in when a JSON without it is read. Any other value
makes another cell with another key. The same holds for ``Provenance`` and ``Record``. ``SCHEMA`` in
``senet_lab.records.record`` must be at least the largest number that any field says.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

FIRST_SCHEMA = 1
PROSE: Mapping[str, Any] = {"prose": True}  # metadata of fields for readers: not part of a cell's key


def since(schema: int) -> dict[str, Any]:
    """The metadata of a field that came with a record schema after the first. The field needs a default."""
    return {"since": schema}


def left_out(field: "dataclasses.Field[Any]", value: Any) -> bool:
    """Whether the JSON leaves a field out: it came after the first schema, and it is at its default."""
    return "since" in field.metadata and bool(value == _default(field))


def schema_of(value: Any) -> int:
    """The lowest schema that can say this value: that of its youngest field that is not at its default."""
    if isinstance(value, tuple | list):
        return max((schema_of(item) for item in value), default=FIRST_SCHEMA)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return FIRST_SCHEMA
    found = FIRST_SCHEMA
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if not left_out(field, item):
            found = max(found, field.metadata.get("since", FIRST_SCHEMA), schema_of(item))
    return found


def may_be_missing(field: "dataclasses.Field[Any]") -> bool:
    """Whether a JSON may lack a field, which then takes its default."""
    return bool(field.metadata.get("prose")) or "since" in field.metadata


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is dataclasses.MISSING:
        raise TypeError(f"the field {field.name} says since when it is there, so it needs a default")
    return field.default


def convert_fields(value: Any) -> None:
    """Gives each field of a frozen dataclass the type that it declares; to be called in ``__post_init__``.

    So equal values have equal keys and read back as themselves. Names become members of their enumeration, whole
    numbers become floats where a float is declared, lists become tuples. Raises ValueError, naming the field, for
    anything else.
    """
    for field in dataclasses.fields(value):
        object.__setattr__(value, field.name, _converted(field.type, getattr(value, field.name), field.name))


def choice(kind: type[StrEnum], field: str, value: Any) -> StrEnum:
    """The member of this name. Raises ValueError that lists them."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(repr(str(member)) for member in kind)
        raise ValueError(f"{field} is {value!r}; it must be one of {names}") from None


def _converted(kind: Any, found: Any, field: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _converted_union(typing.get_args(kind), found, field)
    if origin is tuple:
        if not isinstance(found, tuple | list):
            raise ValueError(f"{field} is {found!r}; it must be a tuple")
        item = typing.get_args(kind)[0]
        return tuple(_converted(item, element, field) for element in found)
    if origin is typing.Literal:
        if found not in typing.get_args(kind):
            raise ValueError(f"{field} is {found!r}; it must be one of {typing.get_args(kind)}")
        return found
    if issubclass(kind, StrEnum):
        return choice(kind, field, found)
    if kind is float and type(found) is int:
        return float(found)
    if type(found) is not kind:
        raise ValueError(f"{field} is {found!r}; it must be of type {kind.__name__}")
    return found


def _converted_union(kinds: tuple[Any, ...], found: Any, field: str) -> Any:
    """The first kind that takes the value, None before all others; the message is that of the last."""
    if found is None and type(None) in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not type(None))
    for kind in others:
        try:
            return _converted(kind, found, field)
        except ValueError:
            continue
    return _converted(last, found, field)
