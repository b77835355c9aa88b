"""Finds lines in a user's file, for messages: the line of an entry, or of the function behind it."""

import ast
from pathlib import Path
from typing import Any


def line_of_entry(path: Path, mapping: str, key: str | None = None) -> int | None:
    """The line of ``mapping[key]`` where the file writes both out, else the line of the mapping; None for neither."""
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
