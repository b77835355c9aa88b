"""The vocabulary of the study: frozen values that need only the standard library."""

from senet_lab.study.block import BlockSpec, own_block
from senet_lab.study.cell import Cell, Run
from senet_lab.study.protocol import Protocol
from senet_lab.study.schedule import Schedule
from senet_lab.study.se import Excitation, Gate, Integration, SESpec, Squeeze
from senet_lab.study.table import Row, Table

__all__ = [
    "BlockSpec",
    "Cell",
    "Excitation",
    "Gate",
    "Integration",
    "Protocol",
    "Row",
    "Run",
    "SESpec",
    "Schedule",
    "Squeeze",
    "Table",
    "own_block",
]
