"""Networks to evaluate: timm's, torchvision's, or this project's, with their authors' weights or from a file."""

import contextlib
import hashlib
import importlib.metadata
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError, to_install
from senet_lab.evaluation.decode import decoder
from senet_lab.records.evaluation_parts import Maker
from senet_lab.study.names import nearest
from senet_lab.study.released import View
from senet_lab.training import provenance

CLASSES = 1000
TIMM, TORCHVISION, OURS = "timm", "torchvision", "senet_lab"
FORMS = f"{TIMM}:NAME, {TORCHVISION}:NAME.WEIGHTS or {OURS}:NETWORK (with --weights FILE)"


@dataclass(frozen=True, slots=True)
class Network:
    """A network with weights, in evaluation mode.

    source: the name that the user gave. weights: where they are from, in words. weights_sha256: as ``state_sha256``.
    revision: of the package that built the network. view: how photos are shown to it. watched: takes images and labels
    and computes the logits in place of ``model``; it may keep what it sees.
    """

    source: str
    model: nn.Module
    weights: str
    weights_sha256: str
    revision: str
    view: View
    watched: Callable[[Tensor, Tensor], Tensor] | None = None


def open_network(source: str, weights: Path | None = None, random_weights: bool = False, seed: int = 0) -> Network:
    """The network of this source. weights: a file in place of the weights that would be downloaded.

    random_weights: whether the weights are drawn from ``seed`` instead. Raises StudyError where the name is not known,
    where the weights cannot be downloaded or do not fit, and where the network does not have ImageNet's 1000 classes.
    """
    package, colon, name = source.partition(":")
    builders: Mapping[str, Callable[[str, bool], tuple[nn.Module, View, str]]] = {
        TIMM: _of_timm,
        TORCHVISION: _of_torchvision,
        OURS: _of_ours,
    }
    if not colon or package not in builders:
        raise StudyError(f"{source!r} is no network: {FORMS}")
    if package == OURS and weights is None and not random_weights:
        raise StudyError(f"{source} has no released weights; name a file with --weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, view, revision = builders[package](name, weights is None and not random_weights)
    origin = f"random, seed {seed}" if random_weights else source
    if weights is not None:
        from senet_lab.weights import load_file

        origin = "; ".join((f"file {weights.name}", *load_file(model, weights, source).departures))
    model.eval().requires_grad_(False)
    _refuse_other_outputs(model, view, source)
    return Network(source, model, origin, state_sha256(model.state_dict()), revision, view)


def with_view(network: Network, view: View | None) -> Network:
    """The network with another view, but with its own normalisation; the network itself for None.

    Raises StudyError for a network that cannot take photos of this size.
    """
    if view is None:
        return network
    _refuse_other_outputs(network.model, view, network.source)
    return replace(network, view=replace(view, mean=network.view.mean, std=network.view.std))


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over every tensor with its name, type and shape. It does not depend on the kind of file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return digest.hexdigest()


def _refuse_other_outputs(model: nn.Module, view: View, source: str) -> None:
    """Raises StudyError for a network that cannot take photos of this size, or that does not make 1000 logits."""
    what = f"{source} cannot be applied to photos of {view.size} x {view.size} pixels"
    with _named(what, download=False), torch.no_grad():
        found = model(torch.zeros(1, 3, view.size, view.size))
    if not isinstance(found, Tensor) or tuple(found.shape) != (1, CLASSES):
        made = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise StudyError(f"{source} makes {made} of a photo; ImageNet-1k needs the logits of {CLASSES} classes")


def _view(source: str, shown: Callable[[], View]) -> View:
    """The view that a package says its network is shown. Raises StudyError for one that is no central crop."""
    try:
        return shown()
    except (AttributeError, TypeError, KeyError, ValueError, ZeroDivisionError) as error:
        raise StudyError(
            f"{source} is not shown photos by a resize and a central crop ({' '.join(str(error).split())[:120]}); "
            "only such classification networks are evaluated here"
        ) from None


def _of_timm(name: str, pretrained: bool) -> tuple[nn.Module, View, str]:
    try:
        import timm
    except ImportError:
        raise StudyError(f"{TIMM}:{name} needs timm, which is not installed; {to_install('evaluate')}") from None
    if not timm.is_model(name.partition(".")[0]):
        raise StudyError(f"timm has no network {name!r}; the nearest is {nearest(name, timm.list_models())!r}")
    with _quiet("huggingface_hub", "timm"), _named(f"timm could not bring the weights of {name}", pretrained):
        model = timm.create_model(name, pretrained=pretrained)
    shown: Mapping[str, Any] = model.pretrained_cfg  # type: ignore[assignment]  # not a module
    mode, size = shown.get("crop_mode") or "center", shown["input_size"][-1]
    if mode != "center":
        raise StudyError(f"{TIMM}:{name} is shown photos by crop mode {mode!r}; only central crops are evaluated here")

    def view() -> View:
        return View(
            size=size,
            resize=int(size / shown["crop_pct"]),
            interpolation=shown["interpolation"],
            mean=tuple(shown["mean"]),
            std=tuple(shown["std"]),
        )

    return model, _view(f"{TIMM}:{name}", view), f"timm {timm.__version__}"


def _of_torchvision(name: str, pretrained: bool) -> tuple[nn.Module, View, str]:
    from torchvision import models

    network, _, kind = name.partition(".")
    if network not in models.list_models():
        near = nearest(network, models.list_models())
        raise StudyError(f"torchvision has no network {network!r}; the nearest is {near!r}")
    kinds = models.get_model_weights(network).__members__
    kind = kind or "DEFAULT"
    if kind not in kinds:
        raise StudyError(f"torchvision's {network} has no weights {kind!r}; it has {', '.join(kinds)}")
    weights = kinds[kind]
    shown = weights.transforms()

    def of_transforms() -> View:
        return View(
            size=shown.crop_size[0],
            resize=shown.resize_size[0],
            interpolation=shown.interpolation.value,
            mean=tuple(shown.mean),
            std=tuple(shown.std),
        )

    view = _view(f"{TORCHVISION}:{name}", of_transforms)  # before anything is downloaded
    with _named(f"torchvision could not bring the weights {name}", pretrained):
        model = models.get_model(network, weights=weights if pretrained else None)
    return model, view, f"torchvision {importlib.metadata.version('torchvision')}"


def _of_ours(text: str, pretrained: bool) -> tuple[nn.Module, View, str]:
    from senet_lab.models.registry import build_model, usual_view
    from senet_lab.study.network_names import parse_plain_or_se

    try:
        backbone, se = parse_plain_or_se(text)
        model = build_model(backbone, se, CLASSES)
    except ValueError as error:
        raise StudyError(str(error)) from None
    return model, usual_view(backbone) or View(), f"senet_lab {provenance.revision()[0][:10]}"


def maker_of(network: Network, device: torch.device) -> Maker:
    """What computes the results of this network in this process."""
    revision, dirty = provenance.revision()
    shown = {
        name: text
        for name, text in provenance.versions().items()
        if name in ("python", "torch", "torchvision", "numpy")
    }
    return Maker(
        revision=f"{network.revision}; senet_lab {revision}{'+changes' * dirty}",
        decoder=decoder(),
        device=provenance.device_name(device),
        versions=shown,
    )


@contextlib.contextmanager
def _named(what: str, download: bool) -> Iterator[None]:
    """Turns any error of a network's package, of the connection or of a file into a StudyError of one line."""
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split())[:160]
        mend = "; without a connection name a file with --weights" if download else ""
        raise StudyError(f"{what} ({type(error).__name__}: {text}){mend}") from None


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Silences these packages' logs of every attempt, because the error is reported once anyway."""
    logs = [logging.getLogger(name) for name in names]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
