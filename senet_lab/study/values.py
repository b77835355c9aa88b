"""Rules for the fields of study values: how their types are checked, and how a class gets a new field.

Every value of a cell is hashed into its key, and every record holds the whole cell. A class may get new fields only if
old cells keep their keys. Therefore a new field

1. has a default with which exactly the same is computed as before the field existed;
2. names the record schema that introduces it: ``dropout: float = field(default=0.0, metadata=since(2))``.

At its default such a field is left out of the JSON; a JSON without it is read with the default. Any other value makes
another cell with another key. The same holds for ``Provenance`` and ``Record``. ``SCHEMA`` in
``senet_lab.records.record`` must be at least the largest number in any ``since``.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

FIRST_SCHEMA = 1
PROSE: Mapping[str, Any] = {"prose": True}  # metadata of fields for readers: not part of a cell's key


def since(schema: int) -> dict[str, Any]:
    """The metadata of a field that a later record schema introduced. The field needs a default."""
    return {"since": schema}


def left_out(field: "dataclasses.Field[Any]", value: Any) -> bool:
    """Whether the JSON leaves a field out: a later schema introduced it, and it has its default."""
    return "since" in field.metadata and bool(value == _default(field))


def schema_of(value: Any) -> int:
    """The number of the oldest record schema that can hold this value.

    It is the largest ``since`` of those fields, also of nested values, that are not at their default, or FIRST_SCHEMA
    if there are none.
    """
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
    """Whether a JSON may lack this field, which then gets its default."""
    return bool(field.metadata.get("prose")) or "since" in field.metadata


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is dataclasses.MISSING:
        raise TypeError(f"the field {field.name} says since when it is there, so it needs a default")
    return field.default


def convert_fields(value: Any) -> None:
    """Converts each field of a frozen dataclass to its declared type. Call it in ``__post_init__``.

    So equal values have equal keys, and can be written and read again. Names become members of their enumeration,
    integers become floats where a float is declared, and lists become tuples. Raises ValueError with the field's name
    for a value of another type, and for a float that is infinite or no number.
    """
    for field in dataclasses.fields(value):
        object.__setattr__(value, field.name, _converted(field.type, getattr(value, field.name), field.name))


def choice(kind: type[StrEnum], field: str, value: Any) -> StrEnum:
    """The member of an enumeration with this name. Raises ValueError with all names for an unknown one."""
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
    if kind is float and not math.isfinite(found):
        raise ValueError(f"{field} is {found}; it must be a finite number")
    return found + 0.0 if kind is float else found  # -0.0, which equals 0.0, becomes it


def _converted_union(kinds: tuple[Any, ...], found: Any, field: str) -> Any:
    """The value converted to its own type, else to the first that accepts it; None stays None.

    An error is that of its own type, or of the last.
    """
    if found is None and type(None) in kinds:
        return None
    if type(found) in kinds:
        return _converted(type(found), found, field)
    *others, last = (kind for kind in kinds if kind is not type(None))
    for kind in others:
        try:
            return _converted(kind, found, field)
        except ValueError:
            continue
    return _converted(last, found, field)
