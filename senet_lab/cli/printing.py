"""How commands print their results."""

import codecs
import contextlib
import io
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

SLOW_SECONDS = 2.0
PLAIN_LETTERS = "senet_lab.plain_letters"
PLAIN = {"±": "+-", "–": "-", "—": "--", "≤": "<=", "≥": ">=", "·": "*", "×": "x", "…": "...", "→": "->", "σ": "sigma"}


def make_printable() -> None:
    """Lets stdout and stderr print plain letters for those that their encoding lacks, such as with LANG=C."""
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
    """Prints on stderr what the command is doing, where it takes more than SLOW_SECONDS."""
    timer = threading.Timer(SLOW_SECONDS, lambda: print(f"{work} ...", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say_what_git_lacks(results: Path) -> None:
    """Says on stderr how many records of a folder are not committed to git, so that other people cannot see them.

    Says nothing where there is no git or no repository.
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


def written(write: Callable[[], Iterable[Path]]) -> tuple[tuple[Path, ...], OSError | None]:
    """Writes files. Where they cannot be written it returns the error, so that a report is printed before it is raised:
    a results folder may be somebody else's, which this user can read only."""
    try:
        return tuple(write()), None
    except OSError as error:
        return (), error


def print_json(value: object) -> None:
    """Prints a value as JSON on stdout."""
    print(json.dumps(value, indent=1))


def print_report(text: str, paths: Iterable[Path]) -> None:
    """Prints a text on stdout, and the files that were written on stderr."""
    print(text)
    if named := ", ".join(str(path) for path in paths):
        print(f"written: {named}", file=sys.stderr)
