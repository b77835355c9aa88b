"""How a command prints what it has found."""

import codecs
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path

PLAIN_LETTERS = "senet_lab.plain_letters"
PLAIN = {"±": "+-", "–": "-", "—": "--", "≤": "<=", "≥": ">=", "·": "*", "×": "x", "…": "...", "→": "->", "σ": "sigma"}


def make_printable() -> None:
    """Lets stdout and stderr say in plain letters what their encoding cannot (LANG=C, PYTHONIOENCODING=ascii)."""
    codecs.register_error(PLAIN_LETTERS, _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN_LETTERS)


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lost), error.end


def print_json(value: object) -> None:
    """JSON on stdout, for programs."""
    print(json.dumps(value, indent=1))


def print_report(text: str, paths: Iterable[Path]) -> None:
    """A text on stdout, and on stderr the files that hold it."""
    print(text)
    print("written: " + ", ".join(str(path) for path in paths), file=sys.stderr)
