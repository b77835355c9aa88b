"""Networks that are no recorded run: of a file of weights, of timm and of torchvision, with or without such a file."""

import contextlib
import difflib
import hashlib
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from torch import nn

from senet_lab.errors import StudyError
from senet_lab.excitations.labelled_images import View
from senet_lab.excitations.statistics import RANDOM, Origin
from senet_lab.excitations.subjects import Subject, described
from senet_lab.models.registry import build_model, channels_last
from senet_lab.study.cell import from_plain, to_plain
from senet_lab.study.se import SESpec
from senet_lab.training import provenance
from senet_lab.weights import load_into, read_state
from senet_lab.weights.names import classes_of

TIMM, TORCHVISION = "timm:", "torchvision:"
FILE, RELEASE = "file", "release"  # weights of an origin


def is_named_so(network: str) -> bool:
    """Whether this names a network of timm or torchvision."""
    return network.startswith((TIMM, TORCHVISION))


def from_library(network: str, weights: Path | None = None, random_weights: bool = False) -> Subject:
    """A network of timm or torchvision: pretrained, with weights of a file, or with random ones.

    It is shown images as its library shows them. Raises StudyError where the library is not installed, knows no such
    network, cannot bring its weights, or where those of the file do not fit.
    """
    pretrained = weights is None and not random_weights
    library, _, name = network.partition(":")
    bring = _from_timm if network.startswith(TIMM) else _from_torchvision
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, view = bring(name, pretrained)
    if weights is not None:
        return _with_file(Subject(f"{library}-{name}", model, _origin(f"{library} {name}", FILE), view=view), weights)
    if random_weights:
        return Subject(f"{library}-{name}-random", model, _origin(f"{library} {name}", RANDOM), view=view)
    origin = _origin(f"{library} {name}", RELEASE, f"{library}'s weights")
    return Subject(f"{library}-{name}", model, origin, view=view)


def from_file(weights: Path, network: str) -> Subject:
    """A file of weights for a network: timm:NAME, torchvision:NAME, or one of ours as ``parse_network`` takes it.

    Raises StudyError where the file does not fit.
    """
    if is_named_so(network):
        return from_library(network, weights)
    try:
        backbone, se = parse_network(network)
        model = build_model(backbone, se, classes_of(read_state(weights)) or 1000)
    except ValueError as error:
        raise StudyError(str(error)) from None
    return _with_file(
        Subject(f"file-{backbone}", channels_last(model), _origin(described(backbone, se), FILE)), weights
    )


def parse_network(text: str) -> tuple[str, SESpec]:
    """``resnet50:gate=tanh,reduction=8,stages=2+3`` as a name and an SESpec. Raises ValueError for what is none."""
    name, _, rest = text.partition(":")
    fields = to_plain(SESpec())
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in fields:
            raise ValueError(f"{part!r} is no field=value of an SESpec ({', '.join(fields)})")
        fields[key] = _value(key, value)
    return name, from_plain(SESpec, fields)


def _value(key: str, value: str) -> object:
    parts = value.split("+") if key == "stages" and value != "all" else [value]
    if key in ("reduction", "stages") and value != "all":
        if not all(part.isdecimal() for part in parts):
            raise ValueError(f"{key}={value} is no whole number")
        return int(value) if key == "reduction" else [int(part) for part in parts]
    if key == "bias" and value not in ("true", "false"):
        raise ValueError(f"bias={value} is neither true nor false")
    return value == "true" if key == "bias" else value


def _with_file(subject: Subject, weights: Path) -> Subject:
    """The network with the weights of a file, which its name and its origin name."""
    state = read_state(weights)
    try:
        loaded = load_into(subject.model, state)
    except StudyError as error:
        raise StudyError(f"{weights} does not fit {subject.origin.network}: {error}") from None
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    origin = _origin(subject.origin.network, FILE, f"weights of {weights.name}, SHA-256 {digest[:12]}...")
    stem = re.sub(r"[^\w-]+", "-", weights.name.partition(".")[0])
    return Subject(
        f"{subject.name}-{stem}-{digest[:8]}",
        subject.model,
        origin,
        view=subject.view,
        notes=(f"{weights.name}: {loaded.line()}",),
    )


def _from_timm(name: str, pretrained: bool) -> tuple[nn.Module, View]:
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ImportError:
        raise StudyError(f"{TIMM}{name} needs timm, which is not installed (pip install timm)") from None
    if not timm.is_model(name):
        raise StudyError(f"timm has no network {name!r}; the nearest is {_nearest(name, timm.list_models())!r}")
    with _one_line(f"timm could not bring the weights of {name}", pretrained):
        model = timm.create_model(name, pretrained=pretrained)
    shown = resolve_model_data_config(model)
    size = shown["input_size"][-1]
    resize = round(size / shown["crop_pct"])
    return model, View(size, resize, tuple(shown["mean"]), tuple(shown["std"]), shown["interpolation"])


def _from_torchvision(name: str, pretrained: bool) -> tuple[nn.Module, View]:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise StudyError(f"torchvision has no network {name!r}; the nearest is {_nearest(name, known)!r}")
    released = models.get_model_weights(name).DEFAULT
    with _one_line(f"torchvision could not bring the weights of {name}", pretrained):
        model = models.get_model(name, weights=released if pretrained else None)
    shown = released.transforms()
    view = View(
        shown.crop_size[0], shown.resize_size[0], tuple(shown.mean), tuple(shown.std), shown.interpolation.value
    )
    return model, view


def _nearest(name: str, known: Collection[str]) -> str:
    near = [other for other in known if "se" in other or "mobilenet" in other or "efficientnet" in other]
    return difflib.get_close_matches(name, near or list(known), n=1, cutoff=0)[0]


@contextlib.contextmanager
def _one_line(said: str, downloads: bool) -> Iterator[None]:
    """Whatever goes wrong becomes one StudyError, and what the packages log of every attempt stays unsaid."""
    logs = [logging.getLogger(name) for name in ("huggingface_hub", "timm")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    except Exception as error:  # of the network, the hub or the file
        text = " ".join(str(error).split())[:160]
        mend = "; name a file of weights with --weights" if downloads else ""
        raise StudyError(f"{said} ({type(error).__name__}: {text}){mend}") from None
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


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
