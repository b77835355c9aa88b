"""The header of an exported .safetensors file. It names the file's network, so that ``load`` needs no name."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from senet_lab.errors import INVALID, StudyError
from senet_lab.exporting.facts import Facts, facts_from_json, facts_to_json
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import build_model
from senet_lab.study.cell import Cell, Run, from_plain, to_plain
from senet_lab.study.network_names import parse_plain_or_se

ENTRY = "senet_lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The network of a file, and the facts about its weights.

    run: the run that trained the weights. network: without a run, the network's name, such as ``resnet50:bias=true``
    or ``resnet50:plain``. class_names: in the order of the logits, where they are known. departures: in words, where
    the network that the weights are from computes differently.
    """

    facts: Facts
    num_classes: int
    run: Run | None = None
    network: str | None = None
    class_names: tuple[str, ...] | None = None
    departures: tuple[str, ...] = ()

    def build(self) -> nn.Module:
        """The network, without the file's weights. Raises as ``build_cell``, and ValueError for an unknown name."""
        if self.run is not None:
            return build_cell(self.run.cell)
        return build_model(*parse_plain_or_se(self.network or ""), self.num_classes)

    def metadata(self) -> dict[str, str]:
        """The header as metadata for safetensors. It is a single entry: several would come in no fixed order, and the
        file would have no fixed digest."""
        run = None if self.run is None else {"cell": to_plain(self.run.cell, prose=True), "seed": self.run.seed}
        data: dict[str, Any] = {
            "class_names": self.class_names,
            **({"departures": self.departures} if self.departures else {}),
            "facts": facts_to_json(self.facts),
            "network": self.network,
            "num_classes": self.num_classes,
            "run": run,
        }
        return {ENTRY: json.dumps(data, sort_keys=True, allow_nan=False)}


def header_of(path: Path) -> Header | None:
    """The header of an exported file; None for any other file. Raises StudyError for a header that cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(ENTRY)
    except (SafetensorError, OSError):
        return None
    if text is None:
        return None
    try:
        data = json.loads(text)
        run = data["run"]
        return Header(
            facts=facts_from_json(data["facts"]),
            num_classes=int(data["num_classes"]),
            run=None if run is None else Run(cell=from_plain(Cell, run["cell"]), seed=int(run["seed"])),
            network=data["network"],
            class_names=_names(data.get("class_names"), int(data["num_classes"])),
            departures=from_plain(tuple[str, ...], data.get("departures", [])),
        )
    except INVALID as error:
        said = " ".join(str(error).split())[:150]
        raise StudyError(f"{path} has a header of this project that cannot be read ({said}); export it again") from None


def _names(found: list[str] | None, classes: int) -> tuple[str, ...] | None:
    """Raises ValueError for names that are not those of so many classes. Older files have none."""
    if found is None:
        return None
    if len(found) != classes or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{len(found)} names of {classes} classes")
    return tuple(found)
