"""Counts: the size of a network, from which every convention's figures can be formed."""

from collections.abc import Mapping
from dataclasses import dataclass

from senet_lab.study.cell import Cell, canonical_json
from senet_lab.study.conventions import ABLATIONS, Operation


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact counts of one network at its input size."""

    trainable: int  # weights and biases
    statistics: int  # running means and variances of batch norm
    operations: Mapping[Operation, int]  # for one image

    @property
    def with_statistics(self) -> int:
        """Weights, biases and batch-norm running statistics."""
        return self.trainable + self.statistics

    @property
    def multiply_adds(self) -> int:
        """For one image, under the convention of the ablation tables."""
        return ABLATIONS.count(self.operations)


def network_key(cell: Cell) -> str:
    """Names what a count depends on: backbone, SE block, classes and image size, and a detector's head."""
    protocol, detection = cell.protocol, cell.protocol.detection
    network = f"{cell.backbone} {canonical_json(cell.se)} {protocol.num_classes} {protocol.image_size}"
    if detection is None:
        return network
    anchors = ",".join(map(str, detection.anchors))
    return f"{network} {detection.longest} {detection.head} {anchors} {detection.proposals}"
