"""The model card of an export: the same facts as JSON and as Markdown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from senet_lab.exporting.counterparts import Target
from senet_lab.exporting.facts import Facts, facts_to_json
from senet_lab.exporting.same_logits import Agreement
from senet_lab.study.released import View

MOST_NAMES = 20  # of classes in the text


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The content of an export's model card.

    network: in words. weights_sha256: of the source's tensors. file_sha256: of the exported file. pixels: the side of
    the network's images. view: how photos are shown to it; None if that is not known. class_names: in the order of the
    logits; None if they are not known. lines: of Python, which open the file. exported_by: this project's revision.
    """

    network: str
    target: Target
    file: str
    file_sha256: str
    weights_sha256: str
    num_classes: int
    pixels: int
    facts: Facts
    view: View | None
    view_note: str
    class_names: Sequence[str] | None
    agreement: Agreement
    lines: Sequence[str]
    exported_by: str

    def to_json(self) -> str:
        """The card as JSON, with sorted names and one fact on each line."""
        view = self.view
        shown = None if view is None else {name: getattr(view, name) for name in View.__dataclass_fields__}
        data: dict[str, Any] = {
            "network": self.network,
            "target": self.target.value,
            "file": self.file,
            "file_sha256": self.file_sha256,
            "weights_sha256": self.weights_sha256,
            "num_classes": self.num_classes,
            "class_names": None if self.class_names is None else list(self.class_names),
            "input": {"shape": ["batch", 3, self.pixels, self.pixels], "view": shown, "note": self.view_note},
            "check": {
                "images": self.agreement.images,
                "largest_difference": self.agreement.largest_difference,
                "tolerance": self.agreement.tolerance,
            },
            "exported_by": self.exported_by,
            **facts_to_json(self.facts),
        }
        return json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The card as Markdown, for the user."""
        facts = self.facts
        loud = ["**Trained on SYNTHETIC images: its numbers say nothing about real photos.**", ""] * facts.synthetic
        recipe = "not known here"
        if facts.protocol is not None:
            recipe = f"{facts.protocol} v{facts.protocol_version} ({facts.protocol_title})"
        images = "" if facts.train_images is None else f", {facts.train_images:,} training images"
        items = {
            "Weights": facts.weights,
            "Data": f"{facts.dataset or 'not known here'}{images}",
            "Protocol": recipe,
            "Result": facts.error_line(),
            "Input": f"B 3 {self.pixels} {self.pixels}; {self.view_note}",
            "Output": f"logits of {self.num_classes} classes{self._of_classes()}",
            "Licence": facts.licence,
            "Revision": f"trained by {facts.revision}; exported by {self.exported_by}",
            "Device": facts.device or "not known here",
            "SHA-256 of the weights": f"`{self.weights_sha256}`",
            "SHA-256 of the file": f"`{self.file_sha256}` ({self.file})",
            "Check": self.agreement.line(),
        }
        if facts.data_sha256:
            digests = ", ".join(f"{split} `{value}`" for split, value in sorted(facts.data_sha256.items()))
            items["SHA-256 of the data"] = digests
        text = [f"# {self.network}", "", *loud, *(f"- {name}: {value}" for name, value in items.items())]
        text += [f"- Departure from the paper: {one}" for one in facts.departures]
        return "\n".join([*text, "", "```python", *self.lines, "```", ""])

    def _of_classes(self) -> str:
        """The names of few classes, or where they stand."""
        if self.class_names is None:
            return "; their names are not known here"
        if len(self.class_names) > MOST_NAMES:
            return "; card.json has their names, in this order"
        return ": " + ", ".join(self.class_names)
