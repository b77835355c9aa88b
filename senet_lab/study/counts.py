"""Counts: the parameters and operations of a network, from which the numbers of every convention follow."""

from collections.abc import Mapping
from dataclasses import dataclass

from senet_lab.study.cell import Cell, canonical_json
from senet_lab.study.conventions import ABLATIONS, Operation


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact counts of one network at its input size.

    trainable: weights and biases. statistics: running means and variances of batch norm. operations: the amount of work
    of each kind for one image.
    """

    trainable: int
    statistics: int
    operations: Mapping[Operation, int]

    @property
    def with_statistics(self) -> int:
        """Weights, biases and batch-norm running statistics."""
        return self.trainable + self.statistics

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one image, by the convention of the ablation tables."""
        return ABLATIONS.count(self.operations)


def network_key(cell: Cell) -> str:
    """A name of everything that counts depend on: backbone, block, classes, image size, and a detector's head."""
    protocol, detection = cell.protocol, cell.protocol.detection
    network = f"{cell.backbone} {canonical_json(cell.se)} {protocol.num_classes} {protocol.image_size}"
    if detection is None:
        return network
    anchors = ",".join(map(str, detection.anchors))
    return f"{network} {detection.longest} {detection.head} {anchors} {detection.proposals}"
