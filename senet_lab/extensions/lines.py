"""Finds lines in a user's file, for messages: of an entry, of the function behind it, or of an error's cause."""

import ast
import importlib.util
import traceback
from pathlib import Path
from typing import Any


def line_of_entry(path: Path, mapping: str, key: str | None = None) -> int | None:
    """The line of ``key`` in the dict that the file assigns to ``mapping``, else the line of that assignment.

    None if the file has no such assignment or cannot be parsed.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    found = None
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(isinstance(target, ast.Name) and target.id == mapping for target in targets):
            continue
        found = node.lineno
        for name in node.value.keys if isinstance(node.value, ast.Dict) else []:
            if isinstance(name, ast.Constant) and name.value == key:
                found = name.lineno
    return found


def line_of_code(thing: Any) -> tuple[str, int] | None:
    """File and line where a function, or a class's ``__init__`` or ``forward``, begins; None without Python source."""
    for candidate in (thing, getattr(thing, "__init__", None), getattr(thing, "forward", None)):
        code = getattr(candidate, "__code__", None)
        if code is not None:
            return str(code.co_filename), int(code.co_firstlineno)
    return None


def place_of(source: str, path: Path, mapping: str, key: str | None = None, thing: object = None) -> str:
    """File and line of the entry ``mapping[key]``, or of the function or class ``thing`` where the file has it.

    source: the file or module as the user names it. path: where it lies.
    """
    code = line_of_code(thing) if thing is not None else None
    line = code[1] if code and code[0] == str(path) else line_of_entry(path, mapping, key)
    return source if line is None else f"{source}, line {line}"


def blame(error: BaseException, source: str) -> str:
    """An error in one line, with the last line of this file or module in its traceback, if there is one."""
    path = str(Path(source).resolve()) if source.endswith(".py") else _origin(source)
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno or 0)
    place = f"{source}, line {lines[-1]}" if lines else source
    text = " ".join(str(error).split())[:200]
    return f"{place}: {type(error).__name__}" + f": {text}" * bool(text)


def _origin(source: str) -> str:
    try:
        spec = importlib.util.find_spec(source)
    except (ImportError, ValueError):
        spec = None
    return str(spec.origin) if spec else source
