"""Fields take the types that they declare, so that equal values have equal keys and read back as themselves."""

import dataclasses
import typing
from enum import StrEnum
from typing import Any


def settle(value: Any) -> None:
    """Gives each field of a frozen dataclass its declared type; to be called after it is made.

    Names become members of their enumeration, whole numbers floats where a float is declared, lists tuples.
    Raises ValueError, naming the field, for anything else.
    """
    for field in dataclasses.fields(value):
        object.__setattr__(value, field.name, _settled(field.type, getattr(value, field.name), field.name))


def choice(kind: type[StrEnum], field: str, value: Any) -> StrEnum:
    """The member of this name. Raises ValueError that lists them."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(repr(str(member)) for member in kind)
        raise ValueError(f"{field} is {value!r}; it must be one of {names}") from None


def _settled(kind: Any, found: Any, field: str) -> Any:
    if typing.get_origin(kind) is tuple:
        if not isinstance(found, tuple | list):
            raise ValueError(f"{field} is {found!r}; it must be a tuple")
        item = typing.get_args(kind)[0]
        return tuple(_settled(item, element, field) for element in found)
    if issubclass(kind, StrEnum):
        return choice(kind, field, found)
    if kind is float and type(found) is int:
        return float(found)
    if type(found) is not kind:
        raise ValueError(f"{field} is {found!r}; it must be of type {kind.__name__}")
    return found
