"""The card of a capture: what was looked at, as the file card.json says it."""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any

from senet_lab.excitations.statistics import Excitations, Origin
from senet_lab.study.se import Gate

# Types of entries that JSON has as well.
PLAIN: dict[object, type | tuple[type, ...] | UnionType] = {
    str: str,
    bool: bool,
    int: int,
    float: (int, float),
    int | None: int | None,
}
FILE_NAME = re.compile(r"[\w][\w.+=,-]*")  # of a folder and of figures: nothing that leads elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What was looked at. name: of its files. images_of: of each class with columns of its own. chosen: classes that
    figures show. bin_width: of the histograms."""

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
        """One flat object, sorted."""
        data = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "origin"}
        data |= dataclasses.asdict(self.origin)
        return json.dumps(data, indent=1, sort_keys=True) + "\n"

    @property
    def heading(self) -> str:
        """Which network, weights, protocol, data set, number of images, seed and revision: two lines."""
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
    """The card of a file's data. Raises ValueError, KeyError or TypeError for what is none."""
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
