"""Networks without a recorded run: timm's, torchvision's, and this project's with a file of weights."""

import hashlib
import re
from pathlib import Path

from torch import nn

from senet_lab.errors import StudyError
from senet_lab.evaluation.networks import TIMM, TORCHVISION, Network, open_network
from senet_lab.excitations.statistics import RANDOM, Origin
from senet_lab.excitations.trained_network import TrainedNetwork
from senet_lab.models.registry import build_model, channels_last, usual_view
from senet_lab.study.network_names import described, parse_network
from senet_lab.study.released import View
from senet_lab.training import provenance
from senet_lab.weights import load_file, read_state
from senet_lab.weights.names import classes_of

FILE, RELEASE = "file", "release"  # values of ``Origin.weights``


def is_of_a_library(network: str) -> bool:
    """Whether this is the name of a network of timm or torchvision."""
    return network.startswith((f"{TIMM}:", f"{TORCHVISION}:"))


def from_library(network: str, weights: Path | None = None, random_weights: bool = False) -> TrainedNetwork:
    """A network of timm or torchvision: pretrained, with the weights of a file, or with random weights.

    Images are shown to it as its library does. Raises StudyError where the library is not installed, does not have the
    network, or cannot download the weights, and where a file's weights do not fit.
    """
    if weights is None:
        return as_opened(open_network(network, None, random_weights), random_weights)
    opened = open_network(network, None, random_weights=True)
    return _with_file(network.replace(":", "-"), opened.model, network.replace(":", " "), weights, opened.view)


def as_opened(opened: Network, random_weights: bool = False) -> TrainedNetwork:
    """The same for a network of a library that is open already, without a file of weights."""
    name, words = opened.source.replace(":", "-"), opened.source.replace(":", " ")
    if random_weights:
        return TrainedNetwork(f"{name}-random", opened.model, _origin(words, RANDOM), view=opened.view)
    origin = _origin(words, RELEASE, f"weights of {opened.revision}")
    return TrainedNetwork(name, opened.model, origin, view=opened.view)


def from_file(weights: Path, network: str) -> TrainedNetwork:
    """A network with the weights of a file. network: timm:NAME, torchvision:NAME, or as ``parse_network`` takes it.

    Raises StudyError for an unknown network, and where the file does not fit it.
    """
    if is_of_a_library(network):
        return from_library(network, weights)
    try:
        backbone, se = parse_network(network)
        model = build_model(backbone, se, classes_of(read_state(weights)) or 1000)
    except ValueError as error:
        raise StudyError(str(error)) from None
    name = re.sub(r"[^\w-]+", "-", network).strip("-")
    return _with_file(f"file-{name}", channels_last(model), described(backbone, se), weights, usual_view(backbone))


def _with_file(name: str, model: nn.Module, network: str, weights: Path, view: View | None) -> TrainedNetwork:
    """The network with the weights of a file. The file is part of the subject's name and origin."""
    loaded = load_file(model, weights, network)
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stem = re.sub(r"[^\w-]+", "-", weights.name.partition(".")[0])
    origin = _origin(network, FILE, f"weights of {weights.name}, SHA-256 {digest[:12]}...")
    note = f"{weights.name}: {loaded.line()}"
    return TrainedNetwork(f"{name}-{stem}-{digest[:8]}", model, origin, view=view, notes=(note,))


def _origin(network: str, weights: str, weights_from: str = "") -> Origin:
    return Origin(
        network=network,
        weights=weights,
        protocol="none" if weights == RANDOM else "unknown",
        dataset="",
        split="",
        seed=None,
        revision=provenance.revision()[0],
        synthetic=False,
        weights_from=weights_from,
    )
