"""Weights of other projects' networks under the names of ours.

    state = from_timm(timm.create_model("legacy_seresnet50", pretrained=True).state_dict(), "resnet50")
    build_model("resnet50", SESpec(bias=True)).load_state_dict(state)

Two forms are known. The authors' released SE networks as timm names them (legacy_seresnet50, 101, 152,
legacy_seresnext50_32x4d, 101_32x4d, legacy_senet154), whose FC layers have biases; for these the functions agree.
And plain ResNets and ResNeXts as torchvision and timm name them: the weights fit, the functions do not quite agree,
for those networks pad their max pooling, and their ResNets have the stride in the 3x3 convolution.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from senet_lab.models.registry import build_model
from senet_lab.study.se import SESpec

CONVOLUTIONS = {1: 0, 2: 2, 3: 5}  # conv1, conv2, conv3 of a unit: their places in our ``transform``
NAMES = ("resnet50", "resnet101", "resnet152", "resnext50", "resnext101", "senet154")


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to name a network: where its stem and its stages are, its classifier, and whether it has SE."""

    stem: str
    classifier: str
    se: bool


PLAIN = _Form(stem="", classifier="fc", se=False)
LEGACY_SE = _Form(stem="layer0.", classifier="last_linear", se=True)


def from_timm(state_dict: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The same weights for ``build_model(name, ...)``, to be loaded with ``strict=True``.

    name: ours, such as "resnet50". For weights of an SE network the SESpec must have ``bias=True`` and r=16.
    Raises ValueError that names the first key that is unknown, missing or of the wrong shape; for a name that has no
    import; and for weights in neither form.
    """
    if name not in NAMES:
        raise ValueError(f"no weights are imported for {name!r}; known are {', '.join(NAMES)}")
    form = _form(state_dict, name)
    model = build_model(name, SESpec(bias=True) if form.se else None, _classes(state_dict, form), device="meta")
    expected = model.state_dict()
    theirs = {ours: _their_key(ours, form) for ours in expected}
    _refuse_other_keys(state_dict, theirs.values())
    return {ours: _fit(state_dict[key], key, expected[ours].shape) for ours, key in theirs.items()}


def _form(state_dict: Mapping[str, Tensor], name: str) -> _Form:
    for form in (PLAIN, LEGACY_SE):
        if f"{form.stem}conv1.weight" in state_dict or f"{form.classifier}.weight" in state_dict:
            if form is PLAIN and name == "senet154":
                break
            return form
    raise ValueError(f"these are no weights that {name} can take: neither timm's legacy SE form nor, for ResNets, fc")


def _classes(state_dict: Mapping[str, Tensor], form: _Form) -> int:
    key = f"{form.classifier}.weight"
    weight = state_dict.get(key)
    if weight is None:
        raise ValueError(f"missing key {key!r}")
    if not isinstance(weight, Tensor) or weight.ndim != 2:
        raise ValueError(f"{key!r} is no matrix")
    return weight.shape[0]


def _their_key(ours: str, form: _Form) -> str:
    part, *rest = ours.split(".")
    leaf = rest[-1]
    if part == "classifier":
        return f"{form.classifier}.{leaf}"
    if part == "stem":
        return f"{form.stem}{_layer(int(rest[0]) // 2 + 1, rest[1])}.{leaf}"
    stage, unit, place, *inner = rest
    prefix = f"layer{int(stage) + 1}.{unit}"
    if place == "shortcut":
        return f"{prefix}.downsample.{inner[0]}.{leaf}"
    if place == "at_standard":
        return f"{prefix}.se_module.{'fc1' if inner[1] == 'reduce' else 'fc2'}.{leaf}"
    number = next(number for number, index in CONVOLUTIONS.items() if index == int(inner[0]))
    return f"{prefix}.{_layer(number, inner[1])}.{leaf}"


def _layer(number: int, index: str) -> str:
    return f"conv{number}" if index == "0" else f"bn{number}"


def _refuse_other_keys(state_dict: Mapping[str, Tensor], expected: Iterable[str]) -> None:
    wanted = set(expected)
    for key in state_dict:
        if key not in wanted:
            raise ValueError(f"unknown key {key!r}")
    for key in sorted(wanted):
        if key not in state_dict:
            raise ValueError(f"missing key {key!r}")


def _fit(value: Tensor, key: str, shape: torch.Size) -> Tensor:
    """The tensor as it is; a 1x1 convolution of the excitation as a matrix."""
    found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if found == tuple(shape):
        return value
    if ".se_module." in key and found == (*shape, 1, 1):
        return value.flatten(1)
    raise ValueError(f"wrong shape of {key!r}: {found}, where {tuple(shape)} is needed")
