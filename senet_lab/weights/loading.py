"""Puts named tensors into a network, each by name and shape. One line says which tensor does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.weights.files import read_state
from senet_lab.weights.names import Form, form_of, shared_names

COUNTER = "num_batches_tracked"  # of batch norm; old files lack it, and batch norm with a momentum does not read it
SHOWN = 3  # how many names a message lists
PADDED_POOLING = (
    "torchvision's form pads its max pooling, the authors' networks begin it at the border: the logits differ from "
    "those of the weights' own network"
)
LATER_STRIDE = (
    "torchvision's form has its strides in the 3x3 convolutions, the authors' networks in the first 1x1: the logits "
    "differ from those of the weights' own network"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was done with a file's tensors: how many there are, and how many were renamed and reshaped.

    departures: in words, where the network that the weights are from computes differently.
    """

    tensors: int
    renamed: int
    reshaped: int
    departures: tuple[str, ...] = ()

    def line(self) -> str:
        """The same in one line, for the user."""
        return "; ".join(
            [f"{self.tensors} tensors, {self.renamed} renamed, {self.reshaped} reshaped", *self.departures]
        )


def load_into(model: nn.Module, state: Mapping[str, Tensor]) -> Loaded:
    """Loads tensors into a network, in place. Their names may have any known form (``names``).

    Raises StudyError as ``fitted``; the network then keeps its own weights.
    """
    tensors, report = fitted(model, state)
    model.load_state_dict(tensors, strict=True)
    return report


def load_file(model: nn.Module, path: Path, network: str, state: Mapping[str, Tensor] | None = None) -> Loaded:
    """Loads a file of weights into a network, in place. network: its name in words. state: what ``read_state`` gave.

    Raises StudyError as ``read_state``; also, with the names of file and network, as ``fitted``.
    """
    state = read_state(path) if state is None else state
    try:
        return load_into(model, state)
    except StudyError as error:
        raise StudyError(f"{path} does not fit {network}: {error}") from None


def fitted(model: nn.Module, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Loaded]:
    """The tensors under the network's own names and in its shapes, for ``load_state_dict(strict=True)``.

    The weights of an FC layer may be given as those of a 1x1 convolution, and the reverse. Batch norm's counter may be
    missing. Raises StudyError, in one line, for names that are missing or too many, and for other shapes or types.
    """
    expected: dict[str, Tensor] = model.state_dict()
    theirs = _paired_names(expected, state)
    _refuse_other_names(expected, state, theirs)
    tensors, reshaped = {}, 0
    for name, target in expected.items():
        key = theirs.get(name)
        tensors[name] = torch.zeros_like(target) if key is None else _in_shape(state[key], key, target)
        reshaped += key is not None and state[key].shape != target.shape
    renamed = sum(name != key for name, key in theirs.items())
    return tensors, Loaded(len(theirs), renamed, reshaped, _departures(expected, state))


def _paired_names(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, str]:
    """For each name of the network, the name of its tensor in the file. Names without a tensor are left out."""
    if expected.keys() & state.keys() == expected.keys():
        return {name: name for name in expected}
    by_shared = {shared: name for name, shared in shared_names(state).items()}
    return {name: by_shared[shared] for name, shared in shared_names(expected).items() if shared in by_shared}


def _refuse_other_names(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], theirs: dict[str, str]) -> None:
    missing = [name for name in expected if name not in theirs and not name.endswith(COUNTER)]
    used = set(theirs.values())
    further = [name for name in state if name not in used and not name.endswith(COUNTER)]
    if not missing and not further:
        return
    said = [_named(missing, "missing")] * bool(missing) + [_named(further, "too many")] * bool(further)
    raise StudyError(f"these weights are of another network: {' and '.join(said)}{_hint(missing, further)}")


def _hint(missing: Sequence[str], further: Sequence[str]) -> str:
    if not missing and all(name.endswith(".bias") for name in further):
        return "; this network lacks biases that the weights have (bias=true for the FC layers of SE)"
    if further or not all(".excitation." in name for name in missing):
        return ""
    if all(name.endswith(".bias") for name in missing):
        return "; the FC layers of the weights have no biases (bias=false)"
    return "; the weights have no SE block there"


def _named(names: Sequence[str], what: str) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} {'name is' if len(names) == 1 else 'names are'} {what} ({shown})"


def _in_shape(value: Tensor, name: str, target: Tensor) -> Tensor:
    if value.is_floating_point() != target.is_floating_point():
        raise StudyError(f"{name!r} is of type {value.dtype}, where {target.dtype} is needed")
    if value.shape == target.shape:
        return value
    short, long = sorted((tuple(value.shape), tuple(target.shape)), key=len)
    if (len(short), len(long)) == (2, 4) and long == (*short, 1, 1):
        return value.reshape(target.shape)
    if value.ndim == 0:
        raise StudyError(f"{name!r} has no axes, where {tuple(target.shape)} is needed")
    raise StudyError(f"{name!r} has the shape {tuple(value.shape)}, where {tuple(target.shape)} is needed")


def _departures(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """In words, where the networks of the two forms compute differently with the same weights, by the shapes."""
    forms = {form_of(expected), form_of(state)}
    if Form.TORCHVISION not in forms or len(forms - {None}) < 2:
        return ()
    shapes = {shared: tuple(expected[name].shape) for name, shared in shared_names(expected).items()}
    found = []
    if shapes.get("conv1.weight", ())[2:] == (7, 7):
        found.append(PADDED_POOLING)
    middle = shapes.get("layer1.0.conv2.weight", ())
    # Not for grouped convolutions: there all networks have the stride in the 3x3.
    if "layer1.0.conv3.weight" in shapes and middle[:1] == middle[1:2]:
        found.append(LATER_STRIDE)
    return tuple(found)
