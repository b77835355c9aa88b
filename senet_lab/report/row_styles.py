"""One colour and marker for each row, the same in every figure of every table.

A row that differs from the paper's block in one field has the colour of that field's value, in every table.
"""

from enum import Enum
from typing import Any

from senet_lab.study.block import BlockSpec
from senet_lab.study.se import SESpec
from senet_lab.study.table import Row, Table

PLAIN: dict[str, Any] = {"color": "#444444", "marker": "s"}
DEFAULT: dict[str, Any] = {"color": "#d55e00", "marker": "o"}  # the paper's block
OTHERS: tuple[dict[str, Any], ...] = (
    {"color": "#0072b2", "marker": "^"},
    {"color": "#009e73", "marker": "D"},
    {"color": "#cc79a7", "marker": "v"},
    {"color": "#56b4e9", "marker": "P"},
    {"color": "#e69f00", "marker": "X"},
    {"color": "#332288", "marker": "<"},
    {"color": "#882255", "marker": ">"},
    {"color": "#999933", "marker": "h"},
)


def row_styles(table: Table) -> dict[str, dict[str, Any]]:
    """Matplotlib's colour and marker of each row, by label."""
    own = any(isinstance(row.cell.se, BlockSpec) for row in table.rows)
    wanted = [] if own else [_wanted(row) for row in table.rows]
    if own or len(set(wanted)) < len(wanted):  # a user's own blocks, or several networks: styles by place
        return {row.label: _by_place(index) for index, row in enumerate(table.rows)}
    return {row.label: _style(place) for row, place in zip(table.rows, wanted, strict=True)}


def _style(place: int) -> dict[str, Any]:
    return PLAIN if place == -2 else DEFAULT if place == -1 else OTHERS[place % len(OTHERS)]


def _by_place(index: int) -> dict[str, Any]:
    style = (PLAIN, DEFAULT, *OTHERS)[index % (2 + len(OTHERS))]
    lap = index // (2 + len(OTHERS))
    return style | {"fillstyle": ("full", "none", "left", "right")[lap % 4]}


def _wanted(row: Row) -> int:
    """-2 for a plain network, -1 for the paper's block, else a place in OTHERS by the value that differs from it."""
    se, default = row.cell.se, SESpec()
    if se is None:
        return -2
    for field in ("reduction", "gate", "squeeze", "integration", "stages", "stage_reductions"):
        value = getattr(se, field)
        if value != getattr(default, field):
            return _place(value)
    return -1


def _place(value: object) -> int:
    if isinstance(value, Enum):
        return list(type(value)).index(value)
    if isinstance(value, tuple):
        return int(value[0]) if value else 0
    return int(value).bit_length() if isinstance(value, int) else 0
