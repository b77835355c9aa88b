"""Counts: the size of a network, and the conventions that it is counted under."""

from dataclasses import dataclass

from senet_lab.study.cell import Cell, canonical_json

PARAMETERS = "weights, biases and batch-norm running statistics"
TRAINABLE = "weights and biases"
MULTIPLY_ADDS = "multiply-adds of convolutions, FC layers, SE pooling and SE scaling; no batch norm, no activations"


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact counts of one network at its input size."""

    trainable: int  # weights and biases
    statistics: int  # running means and variances of batch norm
    multiply_adds: int  # for one image

    @property
    def with_statistics(self) -> int:
        """The count that fits the published parameter columns."""
        return self.trainable + self.statistics


def network_key(cell: Cell) -> str:
    """Names what a count depends on: backbone, SE block, classes and image size."""
    protocol = cell.protocol
    return f"{cell.backbone} {canonical_json(cell.se)} {protocol.num_classes} {protocol.image_size}"
