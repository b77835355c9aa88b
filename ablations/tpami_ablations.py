"""Common parts of the journal's ablations: ResNet-50, the plateau recipe, FC layers without biases (section 6)."""

from dataclasses import replace

from ablations.companions import RESNET50_COMPANIONS
from ablations.protocols import IMAGENET_PLATEAU
from senet_lab.study import Cell, Row, SESpec, Table

SE = Cell(backbone="resnet50", se=SESpec(), protocol=IMAGENET_PLATEAU)
PLAIN = replace(SE, se=None)


def variant(**fields: object) -> Cell:
    """SE-ResNet-50 with these fields of its SESpec changed."""
    return replace(SE, se=SESpec(**fields))  # type: ignore[arg-type]  # SESpec checks each value itself


def ablation(number: str, topic: str, caption: str, baseline: str, rows: dict[str, Cell]) -> Table:
    """One of the journal's tables 11 to 16. rows: cells by their published names."""
    return Table(
        edition="tpami",
        number=number,
        topic=topic,
        caption=caption,
        baseline=baseline,
        rows=tuple(Row(name, cell, name) for name, cell in rows.items()),
        companions=RESNET50_COMPANIONS,
    )
