"""Captures excitations: one pass of a network over labelled images, with statistics of every gate.

B batch, C channels, H W space, K classes.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.errors import StudyError
from senet_lab.excitations.running import RunningStatistics
from senet_lab.excitations.statistics import Excitations, Origin
from senet_lab.models.gate_taps import Tap, gate_taps, named_by_resolution, tapped
from senet_lab.study.protocol import Precision
from senet_lab.training.autocast import autocast

UNKNOWN = Origin(
    network="", weights="", protocol="", dataset="", split="", seed=None, revision="unknown", synthetic=False
)


@torch.no_grad()
def capture_excitations(
    model: nn.Module,
    batches: Iterable[Batch],
    class_names: Sequence[str],
    *,
    own_rows: Sequence[int] | None = None,
    origin: Origin = UNKNOWN,
    precision: Precision = Precision.FP32,
) -> Excitations:
    """Statistics of every gate over the images of each class. The network runs in evaluation mode.

    batches: images B 3 H W and labels B. class_names: the name of each label. own_rows: the classes with a histogram
    of their own; None for all classes where they are at most FEW_CLASSES, otherwise for none. Raises StudyError for a
    network without SE blocks, and for a label that is not the index of a class name.
    """
    training = model.training
    model.eval()
    watch = WatchedNetwork(model, class_names, own_rows)
    try:
        for images, labels in batches:
            bf16, products = autocast(images.device, precision is Precision.BF16)
            with bf16, products:
                watch(images, labels)
    finally:
        model.train(training)
    return watch.result(origin)


class WatchedNetwork:
    """A network that is called with images and labels. Each call also adds the gates to the statistics.

    The network must be in evaluation mode already. Raises StudyError for a network without SE blocks.
    """

    def __init__(self, model: nn.Module, class_names: Sequence[str], own_rows: Sequence[int] | None = None) -> None:
        self.model, self.class_names, self.own_rows = model, class_names, own_rows
        self.taps = taps_of(model)
        self._gathered = BatchGates(len(self.taps))
        self._stages: dict[str, int] = {}
        self._statistics: RunningStatistics | None = None

    def __call__(self, images_BCHW: Tensor, labels_B: Tensor) -> Tensor:
        """The network's outputs, B K. Raises StudyError for a label that is not the index of a class name."""
        if self._statistics is None:
            self.taps, self._stages = named_by_resolution(self.model, self.taps, images_BCHW)
        with self._gathered.listening(self.taps):
            outputs: Tensor = self.model(images_BCHW)
        gates = self._gathered.take()
        if self._statistics is None:
            self._statistics = RunningStatistics(self.taps, gates, self.class_names, self.own_rows)
        self._statistics.add(torch.cat(gates, dim=1), labels_B.to(gates[0].device))
        return outputs

    def result(self, origin: Origin) -> Excitations:
        """The statistics of all images so far. Raises StudyError without any image."""
        if self._statistics is None:
            raise StudyError("there are no images to look at")
        hard = "hard " * any(tap.hard for tap in self.taps)
        kind = f"{hard}{self._statistics.gate.value}"
        return self._statistics.result(replace(origin, non_linearity=kind, stages=self._stages))


def taps_of(model: nn.Module) -> tuple[Tap, ...]:
    """The gates of a network. Raises StudyError where it has none, or where a gate's range is not known."""
    try:
        taps = gate_taps(model)
    except ValueError as error:
        raise StudyError(str(error)) from None
    if not taps:
        raise StudyError("this network has no SE block, so there is no excitation to look at")
    return taps


class BatchGates:
    """The gates of one batch, in the order of the taps."""

    def __init__(self, number: int) -> None:
        self._gates: list[Tensor | None] = [None] * number

    def listening(self, taps: Sequence[Tap]) -> AbstractContextManager[None]:
        """While it is open, the gates that the network computes are kept here."""
        return tapped(taps, self._gates.__setitem__)

    def take(self) -> list[Tensor]:
        """Takes the gates of the batch out, each B C. Raises StudyError where a block was not used."""
        gates = [gate for gate in self._gates if gate is not None]
        if len(gates) < len(self._gates):
            raise StudyError("a block of this network was not used for an image")
        self._gates[:] = [None] * len(gates)
        return gates
