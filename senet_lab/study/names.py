"""Names and labels are checked where they enter: names become parts of paths, labels lines of tables."""

import re

NAME = re.compile(r"[A-Za-z0-9](?:[\w.+-]{0,118}\w)?", re.ASCII)
LONGEST_LABEL = 120  # characters


def check_name(what: str, name: object) -> None:
    """Raises ValueError for what can be no part of a file's name: separators, spaces, a leading dot."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{what} is {name!r}; it must be letters and digits, with - _ . + between, at most 120")


def check_label(what: str, label: object, longest: int = LONGEST_LABEL) -> None:
    """Raises ValueError for text that is empty, over a line long, or has characters that cannot be printed."""
    if not isinstance(label, str) or not label.strip() or not label.isprintable() or len(label) > longest:
        raise ValueError(f"{what} is {label!r}; it must be one line of 1 to {longest} printable characters")
