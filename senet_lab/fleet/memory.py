"""How much memory one run takes in a process of its own on the CPU: an estimate, on the safe side.

Most of a run's memory is what a forward pass keeps for the backward pass, or, where batches are small, the largest maps
of an evaluation, whose batches are not. Both are counted on a network without values. What comes on top of it was
measured with networks of 11 to 50 layers: the process, its libraries and what its allocator holds take 0.6 to 0.8 GiB,
at its peak a step uses 0.9 to 1.7 times what is kept, an evaluation 3.4 times its largest layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.data.resident import EVALUATION_BATCH
from senet_lab.machine import cores
from senet_lab.models.detector import DetectorWork
from senet_lab.models.of_cell import build_cell
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol

PROCESS_BYTES = 800 << 20
STEP_FACTOR = 1.75
EVALUATION_FACTOR = 3.5
STATES = 3  # weights, gradients, momentum
LOADER_BYTES = 300 << 20  # of a loader process
BATCHES = 2  # of photos, in memory at once


def needed_bytes(cells: Iterable[Cell]) -> int:
    """What the largest of these cells needs; of those that differ in their SE blocks only, the first is looked at."""
    largest = {(cell.backbone, cell.protocol.batch_size, cell.protocol.image_size): cell for cell in reversed([*cells])}
    return max(map(_needed_bytes, largest.values()))


def _needed_bytes(cell: Cell) -> int:
    found = sizes(cell)
    batches = max(1.0, EVALUATION_BATCH["cpu"] / cell.protocol.batch_size)
    if cell.protocol.detection:
        batches = 1.0  # as many photos at once as in training
    passes = max(STEP_FACTOR * found.kept, EVALUATION_FACTOR * batches * found.largest)
    return PROCESS_BYTES + int(passes) + STATES * found.weights + _data_bytes(cell.protocol)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one training batch in fp32. kept: by the forward pass for the backward pass; largest: of a layer's input
    and output together."""

    weights: int
    kept: int
    largest: int


def sizes(cell: Cell) -> Sizes:
    """What a forward pass of a cell takes, found without computing it."""
    protocol = cell.protocol
    model = build_cell(cell, device="meta").train()
    together = protocol.detection.images_together if protocol.detection else protocol.batch_size
    images = torch.empty(together, 3, protocol.image_size, protocol.image_size, device="meta")
    labels = torch.empty(together, dtype=torch.int64, device="meta")
    if protocol.detection:
        model = DetectorWork(model, protocol)
    kept: dict[int, Tensor] = {}  # by storage: several tensors may be views of one

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    largest = 0

    def measure(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal largest
        largest = max(largest, sum(tensor.nbytes for tensor in (*inputs, output) if isinstance(tensor, Tensor)))

    for layer in model.modules():
        if not [*layer.children()]:
            layer.register_forward_hook(measure)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = model(images)
        loss = output.sum() if protocol.detection else F.cross_entropy(output, labels)
    weights = {parameter.untyped_storage()._cdata: parameter.nbytes for parameter in model.parameters()}
    activations = sum(tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in weights)
    del loss
    return Sizes(sum(weights.values()), activations, largest)


def _data_bytes(protocol: Protocol) -> int:
    """Small images lie in memory, in two copies while they are opened; photos pass through loader processes."""
    if protocol.dataset.of_photos:
        return cores() * LOADER_BYTES + BATCHES * protocol.batch_size * 4 * 3 * protocol.image_size**2
    side = protocol.image_size + 2 * protocol.crop_padding
    return 2 * 3 * side**2 * (protocol.train_images + protocol.test_images)
