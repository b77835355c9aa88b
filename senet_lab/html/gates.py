"""Charts of committed excitations: the mean gate of each class by channel, and histograms, for a block to choose."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senet_lab.errors import INVALID, StudyError
from senet_lab.html.charts import INK, WIDTH, Spec
from senet_lab.records.checked_files import read_json, read_numbers
from senet_lab.records.reading import folders_in, is_file

MEND = "restore it from git, or capture it again (senet-lab excitations)"
NOT_KEPT = "demo"  # the folder of captures with synthetic images or random weights
ALL = "all classes"
Heading = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Gates:
    """One capture of gates.

    title: the network and the images in words. means: the chart of mean gates. spread: the chart of histograms.
    by_class: whether single classes can be chosen; a capture of many classes may have all classes together only. head,
    lines: the table of numbers block by block.
    """

    name: str
    title: str
    means: Spec
    spread: Spec
    by_class: bool
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def captures(root: Path, heading: Heading) -> list[Gates]:
    """The captures in a results folder, except those of synthetic images.

    heading: what a capture's card says of its network and images. Raises StudyError for a damaged file.
    """
    folders = [folder for folder in folders_in(root / "excitations") if folder.name != NOT_KEPT]
    return [_gates(folder, heading) for folder in folders if is_file(folder / "card.json")]


def _gates(folder: Path, heading: Heading) -> Gates:
    try:
        title = _title(folder / "card.json", heading)
        blocks = read_numbers(folder / "blocks.csv", "block", (), MEND, may_be_unknown=True)
        means = read_numbers(folder / "means.csv", "block", ("channel", ALL), MEND)
        spread = read_numbers(folder / "histograms.csv", "block", ("gate", ALL), MEND)
    except FileNotFoundError as error:
        raise StudyError(f"{error.filename} is missing; {MEND}") from None
    return Gates(
        folder.name,
        title,
        _chart(_long(means, "channel"), ("channel", "channel of the block"), "mean gate", "line"),
        _chart(_long(spread, "gate"), ("gate", "gate (lower edge of the bin)"), "share of the gates", "area"),
        any(name not in ("block", "gate", ALL) for name in spread[0]),
        tuple(name.replace("_", " ") for name in blocks[0]),
        tuple(tuple(line.values()) for line in blocks),
    )


def _title(path: Path, heading: Heading) -> str:
    try:
        return heading(read_json(path, MEND)).replace("\n", "; ")
    except INVALID as error:
        raise StudyError(f"{path} is no card of a capture ({error}); {MEND}") from None


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
    """A chart whose points the page makes from ``table``. The chosen class is drawn in front of all classes.

    Where the capture has no single class, there is none to choose.
    """
    blocks = list(table["blocks"])
    classes = [name for name in table["blocks"][blocks[0]] if name not in (x[0], ALL)]
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": x[1], "scale": {"zero": False, "nice": False}},
        "y": {"field": "y", "type": "quantitative", "title": y, "stack": None},
        "tooltip": [{"field": "class"}, {"field": "x", "title": x[0]}, {"field": "y", "title": y}],
    }
    others = {"filter": f"datum.class === '{ALL}'"}
    params = [_choice("block", "block", blocks, blocks[-1])]
    layers = [{"transform": [others], "mark": {"type": mark, "color": INK, "opacity": 0.35}, "encoding": encoding}]
    if classes:
        one = {"filter": "datum.class === picked"}
        params.append(_choice("picked", "class", classes, classes[0]))
        layers.append(
            {"transform": [one], "mark": {"type": mark, "color": "#d55e00", "opacity": 0.8}, "encoding": encoding}
        )
    return {
        "table": table,
        "params": params,
        "transform": [{"filter": "datum.block === block"}],
        "layer": layers,
        "width": WIDTH,
        "height": 200,
    }


def _choice(name: str, label: str, options: list[str], value: str) -> dict[str, Any]:
    """A parameter of a chart, chosen from a list below it."""
    return {"name": name, "value": value, "bind": {"input": "select", "options": options, "name": f"{label} "}}
