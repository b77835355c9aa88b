"""How a command prints what it has found."""

import codecs
import contextlib
import io
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

SLOW_SECONDS = 2.0
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


@contextlib.contextmanager
def said_if_slow(work: str) -> Iterator[None]:
    """Says on stderr what is done, once it has taken two seconds."""
    timer = threading.Timer(SLOW_SECONDS, lambda: print(f"{work} ...", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say_what_git_lacks(results: Path) -> None:
    """Says on stderr how many records of a folder git does not know, whose reports would show what others cannot see.

    Nothing where there is no git or no repository.
    """
    git = shutil.which("git")
    records = results / "records"
    if git is None or not records.is_dir():
        return
    words = [git, "status", "--porcelain", "--untracked-files=all", "--", str(records)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    changed = len(done.stdout.splitlines()) if done.returncode == 0 else 0
    if changed:
        print(f"{changed} of the records in {results} are not in git as they are here", file=sys.stderr)


def print_json(value: object) -> None:
    """JSON on stdout, for programs."""
    print(json.dumps(value, indent=1))


def print_report(text: str, paths: Iterable[Path]) -> None:
    """A text on stdout, and on stderr the files that hold it."""
    print(text)
    print("written: " + ", ".join(str(path) for path in paths), file=sys.stderr)
