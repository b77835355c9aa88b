"""Estimates, on the safe side, how much memory one run takes in a process of its own on the CPU.

Most of a run's memory is what a forward pass keeps for the backward pass. Where training batches are small, it is the
largest maps of an evaluation, whose batches are large. Both are counted on the meta device, without computing. The
constants below were measured with networks of 11 to 50 layers. The process, its libraries and its allocator's reserve
take 0.6 to 0.8 GiB. At its peak a step takes 0.9 to 1.7 times what is kept, and an evaluation 3.4 times the input and
output of its largest layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from senet_lab.data import photo_data, resident
from senet_lab.machine import cores
from senet_lab.models.of_cell import build_cell, countable
from senet_lab.study.cell import Cell
from senet_lab.study.protocol import Protocol

PROCESS_BYTES = 800 << 20
STEP_FACTOR = 1.75
EVALUATION_FACTOR = 3.5
STATES = 3  # weights, gradients, momentum: each as large as the weights
LOADER_BYTES = 300 << 20  # for each loader process
BATCHES = 2  # batches of photos that are in memory at once


def needed_bytes(cells: Iterable[Cell], at_once: int | None = None) -> int:
    """Bytes that the largest of these cells needs, without processes that load photos (``loader_bytes``).

    Of cells that differ only in SE, the first is measured. at_once: the most images that pass through the network
    together in training.
    """
    different = {_what_counts(cell): cell for cell in reversed([*cells])}.values()
    return max(_needed_bytes(cell, at_once) for cell in different)


def loader_bytes(loaders: int | None) -> int:
    """Bytes that the processes take that load photos for a run. loaders: how many; None for one on each core."""
    return (cores() if loaders is None else loaders) * LOADER_BYTES


def _what_counts(cell: Cell) -> tuple[object, ...]:
    protocol = cell.protocol
    images = (protocol.dataset.of_photos, protocol.train_images + protocol.test_images, protocol.image_size)
    return cell.backbone, protocol.batch_size, protocol.detection, *images


def _needed_bytes(cell: Cell, at_once: int | None) -> int:
    found = sizes(cell)
    trained = _trained_together(cell.protocol)
    batches = max(1.0, _evaluated_together(cell.protocol) / trained)
    kept = found.kept * min(1.0, (at_once or trained) / trained)
    passes = max(STEP_FACTOR * kept, EVALUATION_FACTOR * batches * found.largest)
    return PROCESS_BYTES + int(passes) + STATES * found.weights + _data_bytes(cell.protocol)


def _trained_together(protocol: Protocol) -> int:
    """How many images pass through the network at once in training."""
    return protocol.detection.images_together if protocol.detection else protocol.batch_size


def _evaluated_together(protocol: Protocol) -> int:
    """How many images pass through the network at once in an evaluation on the CPU."""
    if protocol.detection:
        return protocol.detection.images_together
    return photo_data.EVALUATION_BATCH if protocol.dataset.of_photos else resident.EVALUATION_BATCH["cpu"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes in fp32. weights: of the network. kept: what the forward pass of a training batch keeps for the backward
    pass. largest: the largest sum of a layer's input and output, for a training batch."""

    weights: int
    kept: int
    largest: int


def sizes(cell: Cell) -> Sizes:
    """The sizes of a cell's network, found on the meta device without computing."""
    protocol = cell.protocol
    model = countable(build_cell(cell, device="meta").train(), protocol)
    together = _trained_together(protocol)
    images = torch.empty(together, 3, protocol.image_size, protocol.image_size, device="meta")
    labels = torch.empty(together, dtype=torch.int64, device="meta")
    kept: dict[int, Tensor] = {}  # by storage, because several tensors may be views of one storage

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
    """Bytes for the data: two copies of small images, while they are opened; batches of photos."""
    if protocol.dataset.of_photos:
        return BATCHES * protocol.batch_size * 4 * 3 * protocol.image_size**2
    side = protocol.image_size + 2 * protocol.crop_padding
    return 2 * 3 * side**2 * (protocol.train_images + protocol.test_images)
