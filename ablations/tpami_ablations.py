"""The common ground of the journal's ablations: ResNet-50, the plateau recipe, FC layers without biases."""

from dataclasses import replace

from ablations.protocols import IMAGENET_PLATEAU
from senet_lab.study import Cell, SESpec

SE = Cell(backbone="resnet50", se=SESpec(), protocol=IMAGENET_PLATEAU)
PLAIN = replace(SE, se=None)


def variant(**fields: object) -> Cell:
    """SE-ResNet-50 with these fields of its SESpec changed."""
    return replace(SE, se=SESpec(**fields))  # type: ignore[arg-type]  # SESpec checks each value itself
