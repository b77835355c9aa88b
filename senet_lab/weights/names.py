"""Translates the names of a residual network's tensors from the forms in use to one shared form.

Three forms are known:

- this project's;
- torchvision's and timm's (``layer1.0.conv1``, ``fc``), with SE as in timm (``se.fc1``) or in moskomule's
  senet.pytorch (``se.fc.0``);
- timm's names of the authors' release (``layer0.conv1``, ``se_module.fc1``, ``last_linear``).

The shared form is torchvision's, with ``se.reduce``, ``se.expand`` and ``classifier``.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from enum import Enum, auto

from torch import Tensor


class Form(Enum):
    """A form of a residual network's names."""

    OURS = auto()
    TORCHVISION = auto()
    RELEASE = auto()  # the authors' networks


OUR_CONVOLUTION = re.compile(r"(stages\.\d+\.\d+)\.transform\.(\d+)\.0\.weight")
OUR_UNIT = re.compile(r"stages\.(\d+)\.(\d+)\.(.+)")
OUR_STEM = re.compile(r"stem\.(\d+)\.([01])\.(\w+)")
NUMBERED_CLASSIFIER = re.compile(r"classifier\.\d+\.weight")
OUR_CLASSIFIER = re.compile(r"classifier\.(?:\d+\.)?(weight|bias)")
THEIRS = (
    (re.compile(r"^layer0\."), ""),
    (re.compile(r"^(?:fc|last_linear)\."), "classifier."),
    (re.compile(r"\.(?:se|se_module)\.(?:fc1|fc\.0)\."), ".se.reduce."),
    (re.compile(r"\.(?:se|se_module)\.(?:fc2|fc\.2)\."), ".se.expand."),
)


def form_of(names: Collection[str]) -> Form | None:
    """The form of a residual network's names; None for any other network."""
    if "stages.0.0.transform.0.0.weight" in names:
        return Form.OURS
    if "layer1.0.conv1.weight" in names:
        return Form.RELEASE if "layer0.conv1.weight" in names else Form.TORCHVISION
    return None


def shared_names(names: Collection[str]) -> dict[str, str]:
    """For each name its name in the shared form, or the name itself if it has no counterpart there."""
    form = form_of(names)
    if form is None:
        return {name: name for name in names}
    shared = _from_ours(names) if form is Form.OURS else {name: _from_theirs(name) for name in names}
    return shared if len(set(shared.values())) == len(shared) else {name: name for name in names}


def classes_of(state: Mapping[str, Tensor]) -> int | None:
    """The number of classes of a network, from its classifier's weights; None if these are not found.

    A classifier of several layers is numbered, as in ``classifier.6.weight``; the last one gives the classes.
    """
    for name, shared in shared_names(state).items():
        if shared == "classifier.weight" and state[name].ndim in (2, 4):
            return state[name].shape[0]
    numbered = [name for name in state if NUMBERED_CLASSIFIER.fullmatch(name) and state[name].ndim in (2, 4)]
    return state[max(numbered, key=lambda name: int(name.split(".")[1]))].shape[0] if numbered else None


def _from_theirs(name: str) -> str:
    for pattern, text in THEIRS:
        name = pattern.sub(text, name)
    return name


def _from_ours(names: Iterable[str]) -> dict[str, str]:
    names = list(names)
    places: dict[str, list[int]] = {}
    for name in names:
        if found := OUR_CONVOLUTION.fullmatch(name):
            places.setdefault(found[1], []).append(int(found[2]))
    return {name: _from_our_name(name, places) for name in names}


def _from_our_name(name: str, places: dict[str, list[int]]) -> str:
    """A name in the shared form. places: for each unit, the indices of the convolutions in its ``transform``."""
    if found := OUR_STEM.fullmatch(name):
        return f"{_layer(int(found[1]) // 2 + 1, found[2])}.{found[3]}"
    if found := OUR_CLASSIFIER.fullmatch(name):
        return f"classifier.{found[1]}"
    if not (found := OUR_UNIT.fullmatch(name)):
        return name
    unit, (part, *rest) = f"layer{int(found[1]) + 1}.{found[2]}", found[3].split(".")
    if part == "shortcut":
        return ".".join([unit, "downsample", *rest])
    if part == "at_standard" and rest[0] == "excitation":
        return ".".join([unit, "se", *rest[1:]])
    numbers = sorted(places.get(f"stages.{found[1]}.{found[2]}", []))
    if part == "transform" and int(rest[0]) in numbers:
        return ".".join([unit, _layer(numbers.index(int(rest[0])) + 1, rest[1]), *rest[2:]])
    return name


def _layer(number: int, index: str) -> str:
    return f"conv{number}" if index == "0" else f"bn{number}"
