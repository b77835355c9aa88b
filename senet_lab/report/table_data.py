"""A comparison as numbers with their units, for programs: what ``--json`` prints."""

from collections.abc import Mapping
from typing import Any

from senet_lab.report.comparison import ComparedRow, Comparison
from senet_lab.report.made_by import difference_made_by, mean_made_by, trained_by
from senet_lab.report.p_values import p_number
from senet_lab.report.published import COSTS, Published
from senet_lab.report.views import View
from senet_lab.stats.mean import Mean

PERCENT, POINTS, COUNT = "%", "percentage points", "1"
UNITS = {"pct": PERCENT, "M": "million", "G": "thousand million", "ms": "ms"}  # of published numbers


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """One view as JSON values: what was trained, and the numbers of each row.

    param_count and multiply_adds are counted as the paper's own table counts them where they are published (with batch
    norm's statistics, and the network that it prints); where measured, they are the trained network's weights and
    biases, and its multiply-adds by the convention of the ablation tables.
    """
    view = comparison.view
    return {
        "source": view.source,
        "protocol": view.name,
        "dataset": [protocol.data_name for protocol in view.protocols],
        "split": view.protocols[0].evaluation_split,
        "networks": list(view.networks),
        "companion": view.companion,
        "synthetic": view.synthetic,
        "comparisons_in_family": comparison.judgement.comparisons,
        "rows": [_row(row, view) for row in comparison.rows],
    }


def printed_data(printed: Mapping[str, Published]) -> dict[str, Any]:
    """The printed numbers of a row by metric, with the paper's names and units."""
    return {metric: _printed(number) for metric, number in printed.items()}


def _row(row: ComparedRow, view: View) -> dict[str, Any]:
    summary, counts, first, second = row.summary, row.counts, view.measure.first, view.measure.second
    return {
        "row": row.row.label,
        "baseline": row.baseline.label if row.baseline else None,
        "key": row.row.cell.key,
        **trained_by(row.row.cell.protocol),
        "seeds": list(summary.compared),
        "seeds_left_out": list(summary.left_out),
        "seeds_failed": list(summary.failed),
        **mean_made_by(view, row),
        first.data: {"published": _printed(row.printed(first.published)), "measured": _mean(summary.first)},
        second.data: {"published": _printed(row.printed(second.published)), "measured": _mean(summary.second)},
        f"{first.data}_difference": {
            "published": None if row.published_points is None or row.baseline is None else _points(row),
            "measured": _difference(row, view),
        },
        "verdict": row.direction,
        "adjusted_p": p_number(row.adjusted_p),
        "settled_at_seeds": row.looked_at,
        "param_count": {
            "published": _printed(row.published.get("params")),
            "measured": None if counts is None else {"value": counts.trainable, "unit": COUNT},
        },
        "multiply_adds": {
            "published": _printed(row.printed(COSTS)),
            "measured": None if counts is None else {"value": counts.multiply_adds, "unit": COUNT},
        },
    }


def _printed(number: Published | None) -> dict[str, Any] | None:
    return None if number is None else {"value": float(number.value), "unit": UNITS.get(number.unit, number.unit)}


def _mean(mean: Mean | None) -> dict[str, Any] | None:
    if mean is None:
        return None
    return {"value": round(mean.value, 4), "unit": PERCENT, "half_width_95": _rounded(mean.half_width), "n": mean.n}


def _points(row: ComparedRow) -> dict[str, Any]:
    return {"value": _rounded(row.published_points), "unit": POINTS}


def _difference(row: ComparedRow, view: View) -> dict[str, Any] | None:
    found = row.difference
    if found is None:
        return None
    return {
        "value": round(found.value, 4),
        "unit": POINTS,
        "half_width_95": round(found.half_width, 4),
        "interval_over": found.interval_over,
        "n": found.seeds,
        "images": found.images,
        **difference_made_by(view, row),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
