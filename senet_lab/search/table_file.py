"""Writes a table as a Python file. Commands accept such a file instead of a table's name."""

import dataclasses
from enum import Enum

from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol
from senet_lab.study.table import Row, Table

HEADER = '''"""{text}"""

from senet_lab.study import Cell, Protocol, Row, Schedule, SESpec, Table

'''


def table_source(table: Table, text: str) -> str:
    """The source of a file with this table as TABLE, the rows' protocols, and ``text`` as its docstring."""
    protocols = list(dict.fromkeys(row.cell.protocol for row in table.rows))
    names = {protocol: f"PROTOCOL_{number}" for number, protocol in enumerate(protocols, start=1)}
    lines = [HEADER.format(text=text.replace("\\", " ").replace('"""', "'''"))]
    lines += [f"{name} = {_value(protocol, 0)}\n" for protocol, name in names.items()]
    rows = "".join(f"        {_row(row, names)},\n" for row in table.rows)
    heads = ("edition", "number", "topic", "caption", "baseline")
    values = "".join(f"    {name}={getattr(table, name)!r},\n" for name in heads)
    lines.append(f"TABLE = Table(\n{values}    rows=(\n{rows}    ),\n    companions={{}},\n)\n")
    return "".join(lines)


def _row(row: Row, names: dict[Protocol, str]) -> str:
    cell: Cell = row.cell
    se = "None" if cell.se is None else _value(cell.se, 12)
    baseline = "" if row.baseline is None else f", baseline={row.baseline!r}"
    inside = f"backbone={cell.backbone!r}, se={se}, protocol={names[cell.protocol]}"
    return f"Row({row.label!r}, Cell({inside}){baseline})"


def _value(value: object, indent: int) -> str:
    """A Python expression for a value. A dataclass is written with the fields that are not at their default."""
    if isinstance(value, Enum):
        return repr(value.value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return repr(value)
    fields = [field for field in dataclasses.fields(value) if getattr(value, field.name) != field.default]
    space = "\n" + " " * (indent + 4)
    inside = "".join(f"{space}{field.name}={_value(getattr(value, field.name), indent + 4)}," for field in fields)
    end = f"\n{' ' * indent}" if inside else ""
    return f"{type(value).__name__}({inside}{end})"
