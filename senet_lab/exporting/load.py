"""load: a trained network in one call."""

import warnings
from pathlib import Path

from torch import nn


def load(
    source: str | Path,
    seed: int = 0,
    *,
    protocol: str | None = None,
    network: str | None = None,
    results: str | Path = "results",
) -> nn.Module:
    """A trained network in evaluation mode, on the CPU. It takes images B 3 H W and gives logits B K.

    source: ``"table7:r=16"`` (a table and a row), the key of a cell, ``"timm:legacy_seresnet50"``, or a file of weights
    (.safetensors, .pth and the like). seed, protocol: of the recorded run; without a protocol it is the one whose
    weights are in ``results``. results: the folder with records and weights. network: the network of a file that this
    project did not write, ``"resnet50:bias=true"``, ``"resnet50:plain"`` or ``"timm:NAME"``.

    Warns where the weights are from a network that computes something else, so that the logits differ. Raises
    StudyError, in one line, for an unknown source, and for weights that are missing, are damaged or do not fit. Code in
    a file is never run.
    """
    from senet_lab.exporting.trained import open_trained

    trained = open_trained(str(source), seed, protocol, network, Path(results))
    for departure in trained.departures:
        warnings.warn(f"{source}: {departure}", stacklevel=2)
    return trained.model
