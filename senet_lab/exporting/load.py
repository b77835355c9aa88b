"""load: a trained network in one call."""

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
    """A trained network in evaluation mode, on the CPU; it takes images B 3 H W and gives logits B K.

    source: ``"table7:r=16"`` (a table and a row), the key of a cell, ``"timm:legacy_seresnet50"``, or a file of weights
    (.safetensors, .pth and their like). seed, protocol, results: which recorded run, and the folder of its record and
    weights; without a protocol the one whose weights are here. network: what the file of others is of,
    ``"resnet50:bias=true"``, ``"resnet50:plain"`` or ``"timm:NAME"``.

    Raises StudyError, in one line, for a source that is none, weights that are not here, damaged ones, and those that
    do not fit. Nothing in a file is executed.
    """
    from senet_lab.exporting.trained import open_trained

    return open_trained(str(source), seed, protocol, network, Path(results)).model
