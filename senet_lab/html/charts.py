"""Charts as Vega-Lite specifications. They show the same data frames as the figures; the browser draws them.

Text and axes have the page's own colour (``currentColor``), so that one chart fits light mode, dark mode and paper.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from senet_lab.report.comparison import Comparison
from senet_lab.report.figure_data import cost, differences
from senet_lab.report.forest import VERDICTS, axis_text, row_labels
from senet_lab.report.row_styles import PLAIN, row_styles
from senet_lab.report.views import View

Spec = dict[str, Any]
INK = "currentColor"
WIDTH, STEP = 520, 26  # pixels: width of a chart, height of a row


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines of a data frame as JSON values; a missing number is None."""
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records"))
    return found


def forest(comparisons: Sequence[Comparison]) -> Spec | None:
    """A forest plot: each row's measured difference with its interval, and the published one as a hollow mark.

    None where nothing is measured.
    """
    frames = [frame for one in comparisons if not (frame := differences(one)).empty]
    frames = [frame for frame in frames if frame["measured_points"].notna().any()]
    if not frames:
        return None
    frame = pd.concat(frames, ignore_index=True)
    frame["label"] = row_labels(frame)
    frame["low"] = frame["measured_points"] - frame["half_width_95"]
    frame["high"] = frame["measured_points"] + frame["half_width_95"]
    layers = {"layer": _forest_layers(frame, axis_text(comparisons)), "width": WIDTH, "height": {"step": STEP}}
    data = {"data": {"values": records_of(frame)}}
    if len(frames) == 1:
        return data | layers
    header = {"title": None, "labelOrient": "top", "labelAnchor": "start", "labelFontWeight": "bold"}
    facet = {"field": "table", "type": "nominal", "sort": list(dict.fromkeys(frame["table"])), "header": header}
    own_rows = {"scale": {"y": "independent"}}
    return data | {"facet": {"row": facet}, "spec": layers, "resolve": own_rows, "spacing": 6}


def _forest_layers(frame: pd.DataFrame, points: str) -> list[Spec]:
    shown = [name for name in VERDICTS if name in set(frame.loc[frame["measured_points"].notna(), "verdict"])]
    legend = {"orient": "bottom", "title": "measured", "columns": 3}

    def by_verdict(values: list[Any]) -> Spec:
        scale = {"domain": shown, "range": values}
        return {"field": "verdict", "type": "nominal", "scale": scale, "legend": legend}

    verdict = by_verdict([VERDICTS[name].color for name in shown])
    shape = by_verdict(["square" if VERDICTS[name].square else "circle" for name in shown])
    dash = by_verdict([[2, 3] if VERDICTS[name].square else [1, 0] for name in shown]) | {"legend": None}
    axis = {"labelLimit": 260, "grid": False}
    shared = {
        "y": {"field": "label", "type": "nominal", "sort": None, "title": None, "axis": axis},
        "tooltip": _tooltip("row", "baseline", "published_points", "measured_points", "half_width_95", "seeds"),
    }
    interval = shared | {
        "x": _quantitative("low", points),
        "x2": {"field": "high"},
        "color": verdict,
        "strokeDash": dash,
    }
    measured = shared | {"x": _quantitative("measured_points", points), "color": verdict, "shape": shape}
    published = shared | {"x": _quantitative("published_points", points)}
    hollow = {"type": "point", "shape": "diamond", "size": 70, "stroke": INK, "fill": None, "yOffset": 6}
    return [
        {"mark": {"type": "rule", "color": INK}, "encoding": {"x": {"datum": 0}}},
        {"mark": {"type": "rule", "strokeWidth": 2, "yOffset": -5, "y2Offset": -5}, "encoding": interval},
        {"mark": {"type": "point", "filled": True, "opacity": 1, "size": 60, "yOffset": -5}, "encoding": measured},
        {"mark": hollow, "encoding": published},
    ]


def error_against_cost(view: View) -> Spec | None:
    """Top-1 error (or AP) of every run against parameters and multiply-adds; None for fewer than two rows."""
    frame = cost(view)
    if frame.empty:
        return None
    frame = frame.round(4)
    first = view.measure.first
    y = {**_quantitative(first.field, f"{first.words}, %"), "scale": {"zero": False}}
    tooltip = _tooltip("row", "seed", "parameters_m", "multiply_adds_m", first.field)

    def panel(name: str, title: str) -> Spec:
        x = {**_quantitative(name, title), "scale": {"zero": False}}
        encoding = {"x": x, "y": y, "tooltip": tooltip, **_by_row(view)}
        return {"mark": {"type": "point", "filled": True, "size": 80}, "encoding": encoding, "width": WIDTH // 2}

    panels = [panel("parameters_m", "parameters, M"), panel("multiply_adds_m", "multiply-adds, M")]
    return {"data": {"values": records_of(frame)}, "hconcat": panels}


def error_by_epoch(view: View, runs: Sequence[Mapping[str, object]]) -> Spec | None:
    """Top-1 error after every epoch, a line for each run; None without runs.

    runs: for each run its row, its seed, and the name of its curve. The page holds each curve once and makes the points
    from it.
    """
    if not runs:
        return None
    encoding = {
        "x": {**_quantitative("epoch", "epoch"), "scale": {"zero": False}},
        "y": {**_quantitative("error", "top-1 error, %"), "scale": {"zero": False}},
        "detail": {"field": "seed", "type": "nominal"},
        "tooltip": [{"field": name} for name in ("row", "seed", "epoch", "error")],
        **_by_row(view),
    }
    mark = {"type": "line", "point": {"size": 14}}
    return {"runs": list(runs), "mark": mark, "encoding": encoding, "width": WIDTH}


def one_curve() -> Spec:
    """The top-1 error of one run by epoch, in training and on the evaluation images. The page adds the points."""
    encoding = {
        "x": _quantitative("epoch", "epoch"),
        "y": {**_quantitative("error", "top-1 error, %"), "scale": {"zero": False}},
        "color": {"field": "images", "type": "nominal", "legend": {"orient": "bottom", "title": None}},
        "tooltip": [{"field": name} for name in ("images", "epoch", "error")],
    }
    return {"mark": "line", "encoding": encoding, "width": WIDTH, "height": 160}


def _by_row(view: View) -> Spec:
    styles = row_styles(view.table)
    colors = [INK if style["color"] == PLAIN["color"] else style["color"] for style in styles.values()]
    scale = {"domain": list(styles), "range": colors}
    legend = {"orient": "bottom", "title": None, "columns": 4, "labelLimit": 260}
    return {"color": {"field": "row", "type": "nominal", "scale": scale, "legend": legend}}


def _quantitative(field: str, title: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title}


def _tooltip(*fields: str) -> list[Spec]:
    return [{"field": field, "title": field.replace("_", " ")} for field in fields]
