"""A trained network to look at: from a recorded run, from a file of weights, or from timm."""

import contextlib
import difflib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.excitations.labelled_images import View
from senet_lab.excitations.statistics import Origin
from senet_lab.models.registry import build_model, channels_last
from senet_lab.records.record import Record, Status
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.study.protocol import Dataset, Precision
from senet_lab.study.se import SESpec
from senet_lab.training import checkpoint, provenance

TIMM = "timm:"
RANKS = (  # which data set shows most
    Dataset.IMAGENET,
    Dataset.PLACES365,
    Dataset.IMAGENETTE,
    Dataset.FOLDER,
    Dataset.CIFAR10,
    Dataset.CIFAR100,
    Dataset.SYNTHETIC,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A network with its weights. name: of its files; origin: without data set; data: what it was trained on."""

    name: str
    model: nn.Module
    origin: Origin
    precision: Precision = Precision.FP32
    data: str | None = None
    view: View | None = None
    test_images: int = 1_000  # of synthetic data


def recorded(run: Run, store: Store, random_weights: bool = False) -> Subject:
    """The network of a run with its final weights. Raises StudyError where they are not there."""
    record = store.read(run)
    path = weights_path(run, store)
    state = None if random_weights else checkpoint.read(path)
    if state is None and not random_weights:
        missing = "cannot be read" if path.exists() else "is missing"
        raise StudyError(f"{path} {missing}: final weights stay where a run was trained; train it there, or copy them")
    protocol = run.cell.protocol
    model = build_model(run.cell.backbone, run.cell.se, protocol.num_classes, run.seed)
    if state is not None:
        model.load_state_dict(state.model)
    revision = record.provenance.revision if record and state is not None else provenance.revision()[0]
    origin = Origin(
        network=described(run.cell.backbone, run.cell.se),
        weights="random" if random_weights else "recorded",
        protocol="none" if random_weights else protocol.name,
        dataset="",
        split="",
        seed=run.seed,
        revision=revision,
        synthetic=protocol.synthetic,
    )
    name = f"{protocol.name}-{run.cell.backbone}-{run.cell.key[:8]}-seed-{run.seed}"
    data = None if protocol.dataset.of_photos else protocol.dataset.value
    view = View(protocol.image_size, protocol.resize) if protocol.dataset.of_photos else None
    return Subject(name, channels_last(model), origin, protocol.precision, data, view, protocol.test_images)


def weights_path(run: Run, store: Store) -> Path:
    """Where the final weights of a run lie."""
    return store.path(run, "cache/weights", ".safetensors")


def best(store: Store) -> Run | None:
    """The run with SE whose weights are here and whose final error is lowest; ImageNet before CIFAR, then synthetic."""

    def rank(record: Record) -> tuple[int, float, str, int]:
        error = record.top1_error_pct
        return (
            RANKS.index(record.run.cell.protocol.dataset),
            100.0 if error is None else error,
            record.run.cell.key,
            record.run.seed,
        )

    found = [
        record
        for record in store.read_all()
        if record.status is Status.FINISHED and record.run.cell.se and weights_path(record.run, store).exists()
    ]
    return min(found, key=rank).run if found else None


def run_of_weights(path: Path) -> tuple[Run, Store] | None:
    """The recorded run whose final weights this file is, from where it lies; None for any other file."""
    try:
        cache = path.resolve().parents[3]
        store = Store(cache.parent)
        if (cache.name, path.resolve().parents[2].name) != ("cache", "weights"):
            return None
    except IndexError:
        return None
    for record in store.read_all():
        if weights_path(record.run, store).resolve() == path.resolve():
            return record.run, store
    return None


def from_file(path: Path, network: str) -> Subject:
    """A safetensors file of weights for a network written as name or name:field=value,... of its SESpec.

    Raises StudyError where the file does not fit.
    """
    state = _weights(path)
    try:
        backbone, se = parse_network(network)
        model = build_model(backbone, se, state["classifier.weight"].shape[0] if "classifier.weight" in state else 1000)
    except ValueError as error:
        raise StudyError(str(error)) from None
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        text = " ".join(str(error).split())[:200]
        raise StudyError(f"{path} does not fit {described(backbone, se)}: {text}") from None
    origin = _origin(described(backbone, se), "file", "unknown")
    return Subject(f"file-{path.stem}-{backbone}", channels_last(model), origin)


def _weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise StudyError(f"{path} is missing")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise StudyError(f"{path} is no safetensors file ({' '.join(str(error).split())[:100]})") from None
    inner = {key.removeprefix(checkpoint.MODEL): v for key, v in state.items() if key.startswith(checkpoint.MODEL)}
    return inner or state


def parse_network(text: str) -> tuple[str, SESpec]:
    """``resnet50:gate=tanh,reduction=8`` as a name and an SESpec. Raises ValueError for what is none."""
    name, _, rest = text.partition(":")
    fields: dict[str, object] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in SESpec.__dataclass_fields__:
            raise ValueError(f"{part!r} is no field=value of an SESpec ({', '.join(SESpec.__dataclass_fields__)})")
        if key == "stages" and value != "all":
            fields[key] = tuple(int(stage) for stage in value.split("+"))
        else:
            fields[key] = int(value) if key == "reduction" else value == "true" if key == "bias" else value
    return name, SESpec(**fields)  # type: ignore[arg-type]  # SESpec checks its values itself


def described(backbone: str, se: SESpec | None) -> str:
    """A network in a few words: its name, and what of its SE block differs from the default."""
    if se is None:
        return f"{backbone}, plain"
    shown = [f"SE r={se.reduction}"]
    for field, default in SESpec.__dataclass_fields__.items():
        value = getattr(se, field)
        if field not in ("reduction", "bias") and value != default.default:
            shown.append(f"{field} {value}")
    return f"{backbone}, {', '.join(shown)}"


def from_timm(name: str, random_weights: bool = False) -> Subject:
    """A network of timm, pretrained or with random weights, shown images as timm shows them.

    Raises StudyError where timm is not installed, knows no such network, or cannot download its weights.
    """
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ImportError:
        raise StudyError(f"{TIMM}{name} needs timm, which is not installed (pip install timm)") from None
    if not timm.is_model(name):
        near = [other for other in timm.list_models() if "se" in other]
        raise StudyError(
            f"timm has no network {name!r}; the nearest is {difflib.get_close_matches(name, near, n=1, cutoff=0)[0]!r}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            with _quiet("huggingface_hub", "timm"):
                model = timm.create_model(name, pretrained=not random_weights)
        except Exception as error:  # whatever the network, the hub or the file says
            text = " ".join(str(error).split())[:160]
            raise StudyError(f"timm could not bring the weights of {name} ({type(error).__name__}: {text})") from None
    shown = resolve_model_data_config(model)
    size = shown["input_size"][-1]
    view = View(
        size, round(size / shown["crop_pct"]), tuple(shown["mean"]), tuple(shown["std"]), shown["interpolation"]
    )
    weights = "random" if random_weights else "timm"
    origin = _origin(f"timm {name}", weights, "none" if random_weights else "timm's weights")
    return Subject(f"timm-{name}" + "-random" * random_weights, model, origin, view=view)


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Keeps what these packages log of every attempt to themselves: what went wrong is said once, in one line."""
    logs = [logging.getLogger(name) for name in names]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _origin(network: str, weights: str, protocol: str) -> Origin:
    return Origin(
        network=network,
        weights=weights,
        protocol=protocol,
        dataset="",
        split="",
        seed=None,
        revision=provenance.revision()[0],
        synthetic=False,
    )
