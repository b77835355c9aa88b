"""Exports a trained network: the file is checked against its source, then written with a model card."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load as tensors_of
from safetensors.torch import save
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.exporting.counterparts import Target, counterpart
from senet_lab.exporting.header import Header
from senet_lab.exporting.model_card import ModelCard
from senet_lab.exporting.onnx_file import onnx_bytes, onnx_function
from senet_lab.exporting.same_logits import agreement
from senet_lab.exporting.trained import Trained
from senet_lab.exporting.views import UNKNOWN, known_class_names, view_of
from senet_lab.extensions import used_by
from senet_lab.records.file_system import refuse_unwritable
from senet_lab.records.files import replace_file
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import to_plain
from senet_lab.study.released import View
from senet_lab.training import provenance
from senet_lab.training.state_file import apart

WEIGHTS, ONNX_FILE, CARD_JSON, CARD_TEXT = "model.safetensors", "model.onnx", "card.json", "README.md"


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was written to ``folder``."""

    card: ModelCard
    folder: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The exported file, then the card in both forms."""
        return tuple(self.folder / name for name in (self.card.file, CARD_JSON, CARD_TEXT))


@dataclass(frozen=True, slots=True)
class _File:
    """An exported file before it is written. run: computes its logits. lines: of Python, which open the file."""

    name: str
    data: bytes
    run: Callable[[Tensor], Tensor]
    lines: tuple[str, ...]


def export(trained: Trained, target: Target, folder: Path, data: Path | None = None) -> Exported:
    """Writes ``<folder>/<name>-<target>/`` with the network and its card. It replaces an earlier export of this name.

    data: the folder of a user's own photos that the network was trained on, which has the names of its classes.
    Raises StudyError, and writes nothing, where the target has no counterpart of the network, where a package is
    missing, where ``data`` are other photos, and where the exported file computes other logits than the source.
    """
    trained = replace(trained, class_names=known_class_names(trained, data))
    place = folder / f"{trained.name}-{target.value}"
    makers: dict[Target, Callable[[Trained], _File]] = {
        Target.ONNX: _onnx,
        Target.SAFETENSORS: _ours,
        Target.TIMM: lambda one: _of_library(one, Target.TIMM),
        Target.TORCHVISION: lambda one: _of_library(one, Target.TORCHVISION),
    }
    made = makers[target](trained)
    agreed = agreement(trained.model, made.run, trained.pixels)
    view, note = _view(trained)
    card = ModelCard(
        network=trained.network,
        target=target,
        file=made.name,
        file_sha256=hashlib.sha256(made.data).hexdigest(),
        weights_sha256=trained.weights_sha256,
        num_classes=trained.num_classes,
        pixels=trained.pixels,
        facts=trained.facts,
        view=view,
        view_note=note,
        class_names=trained.class_names,
        agreement=agreed,
        lines=made.lines,
        exported_by=f"senet_lab {provenance.revision().name[:10]}{'+changes' * provenance.revision().dirty}",
    )
    refuse_unwritable([place], folder)
    replace_file(place / made.name, made.data)
    replace_file(place / CARD_JSON, card.to_json().encode())
    replace_file(place / CARD_TEXT, card.to_markdown().encode())
    return Exported(card, place)


def _view(trained: Trained) -> tuple[View | None, str]:
    try:
        view = view_of(trained)
    except StudyError:
        return None, UNKNOWN
    return view, f"{view}; values 0 to 1, less {list(view.mean)}, divided by {list(view.std)}"


def _ours(trained: Trained) -> _File:
    header = _header(trained)
    metadata = {"format": "pt"} if header is None else header.metadata()
    data = save(apart(trained.model.state_dict()), metadata=metadata)
    other: nn.Module = header.build() if header is not None else _copy_of(trained)
    other.load_state_dict(tensors_of(data), strict=True)
    lines = (*_own_code(trained), "from senet_lab import load", "", f'model = load("{WEIGHTS}")  # in evaluation mode')
    if header is None:
        lines = ("from safetensors.torch import load_file", "", f'state = load_file("{WEIGHTS}")  # {trained.network}')
    return _File(WEIGHTS, data, other.eval(), lines)


def _own_code(trained: Trained) -> Iterator[str]:
    """The lines that load a user's own network or block, of which the file holds the weights alone."""
    used = used_by(trained.run.cell) if trained.run else []
    if used:
        yield "from senet_lab.extensions import load_extension"
        for one in used:
            yield f'load_extension("{one.name}")  # the file with SHA-256 {one.sha256[:16]}...'


def _header(trained: Trained) -> Header | None:
    """The header that names the file's network, so that ``load`` needs no name; None for a library's network."""
    if trained.backbone is None:
        return None
    if trained.run is not None:
        return Header(
            facts=trained.facts, num_classes=trained.num_classes, run=trained.run, class_names=trained.class_names
        )
    assert not isinstance(trained.se, BlockSpec)  # a network with a user's own block always has a run
    fields = "plain" if trained.se is None else ",".join(_field(*item) for item in to_plain(trained.se).items())
    return Header(
        facts=trained.facts,
        num_classes=trained.num_classes,
        network=f"{trained.backbone}:{fields}",
        departures=trained.departures,
    )


def _field(name: str, value: object) -> str:
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{name}={text.lower() if isinstance(value, bool) else text}"


def _copy_of(trained: Trained) -> nn.Module:
    return copy.deepcopy(trained.model)


def _of_library(trained: Trained, target: Target) -> _File:
    other = counterpart(trained, target)
    data = save(apart(other.model.state_dict()), metadata={"format": "pt"})
    again = ("from safetensors.torch import load_file",)
    loading = (f'model.load_state_dict(load_file("{WEIGHTS}"))', "model.eval()")
    return _File(WEIGHTS, data, other.model, (*again, *other.lines, *loading))


def _onnx(trained: Trained) -> _File:
    known = {"network": trained.network, "weights": trained.facts.weights, "error": trained.facts.error_line()}
    if trained.class_names is not None:
        known["class_names"] = json.dumps(trained.class_names)
    data = onnx_bytes(trained.model, trained.pixels, known)
    lines = (
        "import onnxruntime",
        "",
        f'network = onnxruntime.InferenceSession("{ONNX_FILE}")',
        'logits = network.run(None, {"images": images})[0]  # images: float32, B 3 H W, normalised as above',
    )
    return _File(ONNX_FILE, data, onnx_function(data), lines)
