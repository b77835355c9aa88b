"""Opens a trained network by the name of its source: a recorded run, a library's network, or a file of weights.

Sources: ``TABLE:ROW`` (``table7:r=16``), the key of a cell (16 hexadecimal digits), ``timm:NAME``,
``torchvision:NAME``, or a file of weights (.safetensors, .pth, .pth.tar, .pt, .ckpt, .bin).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.evaluation.networks import TIMM, TORCHVISION, open_network, state_sha256
from senet_lab.exporting.facts import Facts, facts_of_others, facts_of_run
from senet_lab.exporting.header import Header, header_of
from senet_lab.exporting.which_run import run_of_card, run_of_key, run_of_row
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import build_model, image_size, usual_view
from senet_lab.records.store import Store
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import KEY_LENGTH, Run
from senet_lab.study.network_names import described, parse_plain_or_se
from senet_lab.study.protocol import Protocol
from senet_lab.study.released import View
from senet_lab.study.se import SESpec
from senet_lab.training import provenance
from senet_lab.training.final_weights import load_final_weights
from senet_lab.weights import is_weights_file, load_file, read_state
from senet_lab.weights.names import classes_of

KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")
CLASSES = 1000  # assumed for a file in which no classifier is found


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network with weights, in evaluation mode on the CPU.

    source: the name that the user gave. network: in words. backbone, se: of a network of this project; backbone is None
    for a library's network. pixels: the side of its images. run: the run that made the weights, if one of this project
    did. view: how photos are shown, where no protocol says it. notes: messages for the user. departures: in words,
    where the network that the weights are from computes differently, so that it gives other logits. class_names: in the
    order of the logits, of an exported file that holds them. by_file: whether the weights are of a file whose training
    is not known.
    """

    source: str
    model: nn.Module
    network: str
    backbone: str | None
    se: SESpec | BlockSpec | None
    num_classes: int
    pixels: int
    facts: Facts
    run: Run | None = None
    view: View | None = None
    notes: tuple[str, ...] = ()
    departures: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    by_file: bool = False

    @property
    def protocol(self) -> Protocol | None:
        """The protocol that trained the network; None if it is not known."""
        return self.run.cell.protocol if self.run else None

    @property
    def weights_sha256(self) -> str:
        """SHA-256 over every tensor with its name, type and shape."""
        return state_sha256(self.model.state_dict())

    @property
    def name(self) -> str:
        """The name of this network's exports."""
        if self.run is not None:
            cell = self.run.cell
            return f"{cell.protocol.name}-{cell.backbone}-{cell.key[:8]}-seed-{self.run.seed}"
        return f"{re.sub(r'[^A-Za-z0-9._]+', '-', self.network).strip('-')}-{self.weights_sha256[:8]}"


def open_trained(
    source: str, seed: int = 0, protocol: str | None = None, network: str | None = None, root: Path = Path("results")
) -> Trained:
    """The network of a source. seed, protocol: of a recorded run. root: the folder with its record and weights.

    network: the network of a file of weights; this project's own files name it themselves. Raises StudyError, in one
    line, for an unknown source, and for weights that are missing or do not fit.
    """
    store = Store(root)
    if source.startswith((f"{TIMM}:", f"{TORCHVISION}:")):
        return _of_library(source, None)
    if is_weights_file(source):
        return _of_file(Path(source), network, store)
    if network is not None:
        raise StudyError(f"a network is named for a file of weights only, and {source} is no such file")
    if KEY.fullmatch(source):
        return of_run(source, run_of_key(source, seed, store), store)
    if ":" in source:
        return of_run(source, run_of_row(source, seed, protocol, store), store)
    raise StudyError(
        f"{source!r} is none of TABLE:ROW (table7:r=16), a cell's key, timm:NAME, torchvision:NAME, or a file of "
        "weights (.safetensors, .pth)"
    )


def of_run(source: str, run: Run, store: Store) -> Trained:
    """The network of a recorded run with its final weights. Raises StudyError as ``load_final_weights``, and for a
    detector."""
    if run.cell.protocol.detection is not None:
        raise StudyError(f"{source} is a detector; only classification networks are loaded and exported")
    model = build_cell(run.cell, run.seed)
    load_final_weights(model, run, store)
    return _of_cell(source, model, run, facts_of_run(run, store.read(run)))


def _of_cell(source: str, model: nn.Module, run: Run, facts: Facts) -> Trained:
    cell = run.cell
    return Trained(
        source=source,
        model=model.eval(),
        network=described(cell.backbone, cell.se),
        backbone=cell.backbone,
        se=cell.se,
        num_classes=cell.protocol.num_classes,
        pixels=cell.protocol.image_size,
        facts=facts,
        run=run,
    )


def _of_library(name: str, weights: Path | None) -> Trained:
    opened = open_network(name, weights)
    origin = f"weights of {opened.revision}" if weights is None else f"weights of the file {weights.name}"
    return Trained(
        source=name if weights is None else str(weights),
        model=opened.model,
        network=name.replace(":", " "),
        backbone=None,
        se=None,
        num_classes=CLASSES,
        pixels=opened.view.size,
        facts=facts_of_others(origin, opened.revision),
        view=opened.view,
        by_file=weights is not None,
    )


def _of_file(path: Path, network: str | None, store: Store) -> Trained:
    if network is not None and network.startswith((f"{TIMM}:", f"{TORCHVISION}:")):
        return _of_library(network, path)
    state = read_state(path)
    header = header_of(path) if network is None else None
    if header is not None:
        return _of_export(path, header, state)
    known = run_of_card(path, store) if network is None else None
    if known is not None:
        return of_run(str(path), *known)
    if network is None:
        raise StudyError(f"{path} does not say which network it belongs to; name it (resnet50:bias=true, timm:NAME)")
    try:
        backbone, se = parse_plain_or_se(network)
        classes = classes_of(state) or CLASSES
        model = build_model(backbone, se, classes)
    except ValueError as error:
        raise StudyError(str(error)) from None
    loaded = load_file(model, path, described(backbone, se), state)
    pixels = image_size(backbone)
    return Trained(
        source=str(path),
        model=model.eval(),
        network=described(backbone, se),
        backbone=backbone,
        se=se,
        num_classes=classes,
        pixels=pixels,
        facts=facts_of_others(
            "; ".join((f"weights of the file {path.name}", *loaded.departures)),
            f"senet_lab {provenance.revision().name[:10]}",
        ),
        view=usual_view(backbone),
        notes=(f"{path.name}: {loaded.line()}",),
        departures=loaded.departures,
        by_file=True,
    )


def _of_export(path: Path, header: Header, state: Mapping[str, Tensor]) -> Trained:
    """The network of a file that ``export`` wrote. Its header holds all that was known."""
    try:
        model = header.build()
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from None
    load_file(model, path, "the network that its header names", state)
    if header.run is not None:
        return replace(_of_cell(str(path), model, header.run, header.facts), class_names=header.class_names)
    assert header.network is not None
    backbone, se = parse_plain_or_se(header.network)
    return Trained(
        source=str(path),
        model=model.eval(),
        network=described(backbone, se),
        backbone=backbone,
        se=se,
        num_classes=header.num_classes,
        pixels=image_size(backbone),
        facts=header.facts,
        view=usual_view(backbone),
        departures=header.departures,
        by_file=True,
    )
