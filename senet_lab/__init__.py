"""senet_lab: an ablation and reproduction study of Squeeze-and-Excitation Networks (Hu et al., CVPR 2018; TPAMI 2020).

The names in ``__all__`` are the Python API; docs/python.md shows their use. Values (``SESpec``, ``Cell``, ``Table``,
``Claim``) need only the standard library. torch is loaded when a network is built, and Lightning when one of its
classes is named.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from senet_lab.errors import StudyError
    from senet_lab.exporting.load import load
    from senet_lab.models.registry import build_model
    from senet_lab.study.block import BlockSpec, own_block
    from senet_lab.study.cell import Cell, Run
    from senet_lab.study.claim import Claim, Costs, Equivalent, Higher, LargerGain, Lower, NotWorse, Quantity
    from senet_lab.study.protocol import Protocol
    from senet_lab.study.schedule import Schedule
    from senet_lab.study.se import Excitation, Gate, Integration, SESpec, Squeeze
    from senet_lab.study.table import Row, Table
    from senet_lab.training.lightning_module import SENetData, SENetModule

__all__ = [
    "BlockSpec",
    "Cell",
    "Claim",
    "Costs",
    "Equivalent",
    "Excitation",
    "Gate",
    "Higher",
    "Integration",
    "LargerGain",
    "Lower",
    "NotWorse",
    "Protocol",
    "Quantity",
    "Row",
    "Run",
    "SENetData",
    "SENetModule",
    "SESpec",
    "Schedule",
    "Squeeze",
    "StudyError",
    "Table",
    "build_model",
    "load",
    "own_block",
]

_PLACES = {
    "senet_lab.errors": ("StudyError",),
    "senet_lab.exporting.load": ("load",),
    "senet_lab.models.registry": ("build_model",),
    "senet_lab.study.block": ("BlockSpec", "own_block"),
    "senet_lab.study.cell": ("Cell", "Run"),
    "senet_lab.study.claim": ("Claim", "Costs", "Equivalent", "Higher", "LargerGain", "Lower", "NotWorse", "Quantity"),
    "senet_lab.study.protocol": ("Protocol",),
    "senet_lab.study.schedule": ("Schedule",),
    "senet_lab.study.se": ("Excitation", "Gate", "Integration", "SESpec", "Squeeze"),
    "senet_lab.study.table": ("Row", "Table"),
    "senet_lab.training.lightning_module": ("SENetData", "SENetModule"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'senet_lab' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
