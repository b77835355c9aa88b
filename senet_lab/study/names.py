"""Checks names, which become parts of paths, and labels, which become cells of tables; finds the nearest name."""

import difflib
import re
from collections.abc import Iterable

NAME = re.compile(r"[A-Za-z0-9](?:[\w.+-]{0,118}\w)?", re.ASCII)
LONGEST_LABEL = 120  # characters


def check_name(what: str, name: object) -> None:
    """Raises ValueError for a name that cannot be part of a file's name: with separators, spaces or a leading dot.

    what: the thing with this name, for the message.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{what} is {name!r}; it must be letters and digits, with - _ . + between, at most 120")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one. ``known`` must not be empty."""
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0)[0]


def check_label(what: str, label: object, longest: int = LONGEST_LABEL) -> None:
    """Raises ValueError for text that is empty, too long, or has characters that cannot be printed.

    what: the thing with this label, for the message. longest: in characters.
    """
    if not isinstance(label, str) or not label.strip() or not label.isprintable() or len(label) > longest:
        raise ValueError(f"{what} is {label!r}; it must be one line of 1 to {longest} printable characters")


def versioned(name: str, version: int) -> str:
    """The name of a protocol with its version, from version 2 on: "name-v2"."""
    return name if version == 1 else f"{name}-v{version}"
