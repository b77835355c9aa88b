"""Writes a table as a Python file. Commands accept such a file instead of a table's name."""

import dataclasses
import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from senet_lab import study
from senet_lab.extensions import Extension, needed_by
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.study.table import Row, Table


def table_source(table: Table, text: str, folder: Path) -> str:
    """The source of a file in ``folder`` with this table as TABLE, the rows' protocols, and ``text`` as its docstring.

    Where rows use a user's own blocks, networks or photos, the file loads the user's file or module that has them. A
    user's file is found by its path from ``folder``, so a project can be moved as a whole.
    """
    protocols = list(dict.fromkeys(row.cell.protocol for row in table.rows))
    names = {protocol: f"PROTOCOL_{number}" for number, protocol in enumerate(protocols, start=1)}
    lines = ['"""{}"""\n\n'.format(text.replace("\\", " ").replace('"""', "'''")), _head(table, folder)]
    lines += [f"{name} = {_value(protocol, 0)}\n" for protocol, name in names.items()]
    rows = "".join(f"        {_row(row, names)},\n" for row in table.rows)
    heads = ("edition", "number", "topic", "caption", "baseline")
    values = "".join(f"    {name}={getattr(table, name)!r},\n" for name in heads)
    lines.append(f"TABLE = Table(\n{values}    rows=(\n{rows}    ),\n    companions={{}},\n)\n")
    return "".join(lines)


def _head(table: Table, folder: Path) -> str:
    """Imports of every class that the file uses, and the extensions that its rows need."""
    extensions = needed_by(table.cells)
    names: dict[str, set[str]] = {}
    for kind in {Table, *_kinds(table.rows)}:
        shown = getattr(study, kind.__name__, None) is kind
        names.setdefault(study.__name__ if shown else kind.__module__, set()).add(kind.__name__)
    if extensions:
        names["senet_lab.extensions"] = {"load_extension"}
    lines = ["from pathlib import Path\n\n"] if any(_of_file(one) for one in extensions) else []
    lines += [f"from {module} import {', '.join(sorted(found))}\n" for module, found in sorted(names.items())]
    lines += ["\n# blocks, networks and data that the rows use\n"] if extensions else []
    for one in extensions:
        path = os.path.relpath(Path(one.source).resolve(), folder.resolve())
        source = f"str((Path(__file__).parent / {path!r}).resolve())" if _of_file(one) else repr(one.source)
        lines.append(f"load_extension({source})\n")
    return "".join(lines) + "\n"


def _of_file(extension: Extension) -> bool:
    return extension.source.endswith(".py")


def _row(row: Row, names: dict[Protocol, str]) -> str:
    cell: Cell = row.cell
    se = "None" if cell.se is None else _value(cell.se, 12)
    baseline = "" if row.baseline is None else f", baseline={row.baseline!r}"
    inside = f"backbone={cell.backbone!r}, se={se}, protocol={names[cell.protocol]}"
    return f"Row({row.label!r}, Cell({inside}){baseline})"


def _value(value: Any, indent: int) -> str:
    """A Python expression for a value. A dataclass is written with the fields that are not at their default."""
    if isinstance(value, Enum):
        return repr(value.value)
    if isinstance(value, tuple):
        return "(" + "".join(f"{_value(item, indent)}, " for item in value).rstrip(" ") + ")"
    if not _is_value(value):
        return repr(value)
    space = "\n" + " " * (indent + 4)
    inside = "".join(f"{space}{name}={_value(item, indent + 4)}," for name, item in _fields(value).items())
    end = f"\n{' ' * indent}" if inside else ""
    return f"{type(value).__name__}({inside}{end})"


def _kinds(value: Any) -> Iterator[type]:
    """The classes of all dataclasses that ``_value`` writes."""
    if isinstance(value, tuple):
        for item in value:
            yield from _kinds(item)
    elif _is_value(value):
        yield type(value)
        for item in _fields(value).values():
            yield from _kinds(item)


def _is_value(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their default, by name."""
    found = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
    return {name: item for name, (item, default) in found.items() if item != default}
