"""How a command prints what it has found."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path


def print_json(value: object) -> None:
    """JSON on stdout, for programs."""
    print(json.dumps(value, indent=1))


def print_report(text: str, paths: Iterable[Path]) -> None:
    """A text on stdout, and on stderr the files that hold it."""
    print(text)
    print("written: " + ", ".join(str(path) for path in paths), file=sys.stderr)
