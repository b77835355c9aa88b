"""Charts of committed excitations: the mean gate of each class by channel, and histograms, for a block to choose."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senet_lab.html.charts import INK, WIDTH, Spec
from senet_lab.records.checked_files import read_csv, read_json
from senet_lab.records.files import folders_in, is_file

MEND = "restore it from git, or capture it again (senet-lab excitations)"
NOT_KEPT = "demo"  # the folder of captures with synthetic images or random weights
ALL = "all classes"


@dataclass(frozen=True, slots=True)
class Gates:
    """One capture of gates.

    title: the network and the images in words. means: the chart of mean gates. spread: the chart of histograms. head,
    lines: the table of numbers block by block.
    """

    name: str
    title: str
    means: Spec
    spread: Spec
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def captures(root: Path) -> list[Gates]:
    """The captures in a results folder, except those of synthetic images. Raises StudyError for a damaged file."""
    folders = [folder for folder in folders_in(root / "excitations") if folder.name != NOT_KEPT]
    return [_gates(folder) for folder in folders if is_file(folder / "card.json")]


def _gates(folder: Path) -> Gates:
    card = read_json(folder / "card.json", MEND)
    title = (
        f"{card['network']}; {card['weights']} weights of protocol {card['protocol']}, seed {card['seed']}; "
        f"{card['images']:,} {card['split']} images of {card['dataset']}"
    )
    blocks = read_csv(folder / "blocks.csv", None, MEND)
    means = _long(read_csv(folder / "means.csv", None, MEND), "channel")
    spread = _long(read_csv(folder / "histograms.csv", None, MEND), "gate")
    return Gates(
        folder.name,
        title,
        _chart(means, ("channel", "channel of the block"), "mean gate", "line"),
        _chart(spread, ("gate", "gate (lower edge of the bin)"), "share of the gates", "area"),
        tuple(name.replace("_", " ") for name in blocks[0]) if blocks else (),
        tuple(tuple(line.values()) for line in blocks),
    )


def _long(lines: Iterable[dict[str, str]], place: str) -> dict[str, Any]:
    """The lines of a file as columns of numbers, by block. The page makes a chart's points from them."""
    found: dict[str, dict[str, list[float]]] = {}
    for line in lines:
        columns = found.setdefault(line["block"], {})
        for name, text in line.items():
            if name != "block":
                columns.setdefault(name, []).append(float(text))
    return {"place": place, "blocks": found}


def _chart(table: dict[str, Any], x: tuple[str, str], y: str, mark: str) -> Spec:
    """A chart whose points the page makes from ``table``. The chosen class is drawn in front of all classes."""
    blocks = list(table["blocks"])
    classes = [name for name in next(iter(table["blocks"].values())) if name != x[0]]
    picked = [name for name in classes if name != ALL]
    params = [
        {"name": "block", "value": blocks[-1], "bind": {"input": "select", "options": blocks, "name": "block "}},
        {"name": "picked", "value": picked[0], "bind": {"input": "select", "options": picked, "name": "class "}},
    ]
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": x[1], "scale": {"zero": False, "nice": False}},
        "y": {"field": "y", "type": "quantitative", "title": y, "stack": None},
        "tooltip": [{"field": "class"}, {"field": "x", "title": x[0]}, {"field": "y", "title": y}],
    }
    one = {"filter": "datum.class === picked"}
    others = {"filter": f"datum.class === '{ALL}'"}
    return {
        "table": table,
        "params": params,
        "transform": [{"filter": "datum.block === block"}],
        "layer": [
            {"transform": [others], "mark": {"type": mark, "color": INK, "opacity": 0.35}, "encoding": encoding},
            {"transform": [one], "mark": {"type": mark, "color": "#d55e00", "opacity": 0.8}, "encoding": encoding},
        ],
        "width": WIDTH,
        "height": 200,
    }
