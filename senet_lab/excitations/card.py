"""The card of a capture: which network and which images, as the file card.json holds it."""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any

from senet_lab.excitations.statistics import Excitations, Origin
from senet_lab.study.se import Gate

# The types of fields whose values are checked, each with the type that a value from JSON must have.
PLAIN: dict[object, type | tuple[type, ...] | UnionType] = {
    str: str,
    bool: bool,
    int: int,
    float: (int, float),
    int | None: int | None,
}
FILE_NAME = re.compile(r"[\w][\w.+=,-]*")  # the name of a folder and of figures; it cannot lead to another folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What was captured.

    name: of the capture's files. over_space: whether every gate was averaged over space first. images_of: the number
    of images of each class that has columns of its own. chosen: the classes that figures show. bin_width: of the
    histograms, in units of the gate. Raises ValueError for a name that is no file name, and for a chosen class without
    a number of images.
    """

    origin: Origin
    name: str
    gate: Gate
    over_space: bool
    images: int
    classes: int
    fewest_images_a_class: int
    most_images_a_class: int
    images_of: Mapping[str, int]
    chosen: tuple[str, ...]
    bin_width: float

    def __post_init__(self) -> None:
        if not FILE_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a file")
        missing = [name for name in self.chosen if name not in self.images_of]
        if missing:
            raise ValueError(f"no images are counted for the class {missing[0]!r}")

    def to_json(self) -> str:
        """The card as one flat JSON object, sorted by name."""
        data = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "origin"}
        data |= dataclasses.asdict(self.origin)
        return json.dumps(data, indent=1, sort_keys=True) + "\n"

    @property
    def heading(self) -> str:
        """Network, weights, protocol, seed and revision in one line; data set and numbers of images in a second."""
        origin = self.origin
        loud = "SYNTHETIC images, " * origin.synthetic + "RANDOM WEIGHTS, " * (origin.weights == "random")
        seed = "" if origin.seed is None else f", seed {origin.seed}"
        weights = origin.weights_from or f"protocol {origin.protocol}{seed}"
        few, most = self.fewest_images_a_class, self.most_images_a_class
        split = f", {origin.split} split" if origin.split else ""
        classes = f"{self.images:,} images of {self.classes} classes, {few if few == most else f'{few} to {most}'} each"
        over = "; gates averaged over space" if self.over_space else ""
        what = f"{loud}{origin.network}; {weights}; revision {origin.revision[:10]}"
        return f"{what}\n{origin.dataset}{split}: {classes}{over}"


def card_of(name: str, excitations: Excitations, chosen: tuple[str, ...]) -> Card:
    """The card of a capture under this name."""
    return Card(
        origin=excitations.origin,
        name=name,
        gate=excitations.gate,
        over_space=excitations.over_space,
        images=excitations.images,
        classes=int(excitations.seen.sum()),
        fewest_images_a_class=int(excitations.count_K[excitations.seen].min()),
        most_images_a_class=int(excitations.count_K.max()),
        images_of={excitations.class_names[k]: int(excitations.count_K[k]) for k in excitations.own_rows},
        chosen=chosen,
        bin_width=1 / excitations.bins.per_unit,
    )


def card_from(data: Mapping[str, Any]) -> Card:
    """The card in a file's data. Raises ValueError, KeyError or TypeError for data of another form."""
    kinds = {field.name: field.type for field in (*dataclasses.fields(Origin), *dataclasses.fields(Card))}
    for name, value in data.items():
        plain = kinds.get(name)
        if plain in PLAIN and not isinstance(value, PLAIN[plain]):
            raise ValueError(f"its {name!r} is {value!r}")
    of_origin = {field.name for field in dataclasses.fields(Origin)}
    origin = Origin(**{name: value for name, value in data.items() if name in of_origin})
    rest = {name: value for name, value in data.items() if name not in of_origin}
    rest |= {"gate": Gate(rest["gate"]), "chosen": tuple(rest["chosen"]), "images_of": dict(rest["images_of"])}
    return Card(origin=origin, **rest)
