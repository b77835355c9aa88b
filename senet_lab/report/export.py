"""The numbers of a table as CSV: long, one line a row, source, protocol and metric; and wide, one line a row and source
with the names of timm's result files."""

from collections.abc import Iterable, Mapping, Sequence

from senet_lab.records.checked_files import csv_text
from senet_lab.report.comparison import TOP1, TOP5, ComparedRow, Comparison
from senet_lab.report.published import Published, of_row, value_of
from senet_lab.report.views import View
from senet_lab.stats.difference import Difference
from senet_lab.stats.mean import Mean
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.table import Row, Table

COLUMNS = (
    "edition", "table", "row", "source", "protocol", "dataset", "split", "backbone", "metric", "unit", "value",
    "half_width_95", "interval_over", "n", "seeds", "selection", "baseline", "device", "revision", "cell_key",
)  # fmt: skip
WIDE_COLUMNS = (
    "edition", "table", "row", "source", "protocol", "dataset", "model", "img_size", "top1", "top1_err",
    "top1_err_half_width_95", "top5", "top5_err", "top5_err_half_width_95", "top1_err_difference",
    "top1_err_difference_half_width_95", "verdict", "seeds", "param_count", "gmacs", "cell_key",
)  # fmt: skip
Line = dict[str, object]


def table_csv(
    table: Table, numbers: Sequence[Published], counts: Mapping[str, Counts], comparisons: Iterable[Comparison]
) -> str:
    """Published, computed and measured values of one table, told apart by ``source``."""
    lines = [*_published(table, numbers), *_computed(table, counts)]
    for comparison in comparisons:
        for row in comparison.rows:
            lines += _measured(comparison.view, row)
    return csv_text(COLUMNS, _of_table(table, lines))


def wide_csv(
    table: Table, numbers: Sequence[Published], counts: Mapping[str, Counts], comparisons: Iterable[Comparison]
) -> str:
    """One line a row for what is published, and one for each view of it that is measured.

    top1, top5: accuracy in percent; top1_err, top5_err: error in percent; differences are to the row's baseline in
    points; param_count and gmacs in millions and thousand millions, weights and biases and multiply-adds for one image.
    """
    lines = [_wide_published(table, row, numbers, counts.get(network_key(row.cell))) for row in table.rows]
    for comparison in comparisons:
        lines += [_wide_measured(comparison.view, row) for row in comparison.rows if row.summary.top1]
    return csv_text(WIDE_COLUMNS, _of_table(table, lines))


def _of_table(table: Table, lines: Iterable[Line]) -> Iterable[Line]:
    return ({"edition": table.edition, "table": table.number, **line} for line in lines)


def _published(table: Table, numbers: Sequence[Published]) -> Iterable[Line]:
    for row in table.rows:
        for number in of_row(numbers, table, row).values():
            yield {
                "row": row.label,
                "source": "published",
                "protocol": number.protocol,
                "dataset": number.dataset,
                "metric": number.metric,
                "unit": number.unit,
                "value": number.value,
            }


def _computed(table: Table, counts: Mapping[str, Counts]) -> Iterable[Line]:
    for row in table.rows:
        found = counts.get(network_key(row.cell))
        if found is None:
            continue
        for metric in ("trainable", "statistics", "multiply_adds"):
            yield {
                "row": row.label,
                "source": "computed",
                "backbone": row.cell.backbone,
                "metric": metric,
                "unit": "1",
                "value": getattr(found, metric),
            }


def _measured(view: View, compared: ComparedRow) -> Iterable[Line]:
    row, summary = compared.row, compared.summary
    protocol = row.cell.protocol
    runs = [record for record in view.records if record.run.cell.key == row.cell.key]
    common: Line = {
        "row": row.label,
        "source": view.source,
        "protocol": protocol.name,
        "dataset": protocol.data_name,
        "split": protocol.evaluation_split,
        "backbone": row.cell.backbone,
        "selection": "final",
        "device": "; ".join(dict.fromkeys(r.provenance.device for r in runs)),
        "revision": "; ".join(dict.fromkeys(name for r in runs for name in r.provenance.revisions)),
        "cell_key": row.cell.key,
        "seeds": " ".join(map(str, summary.compared)),
    }
    means: tuple[tuple[str, str, Mean | Difference | None], ...] = (
        ("top1_error_pct", "pct", summary.top1),
        ("top5_error_pct", "pct", summary.top5),
        ("top1_error_difference", "points", compared.difference),
    )
    for metric, unit, mean in means:
        if mean is None:
            continue
        over = "seeds" if isinstance(mean, Mean) else "seeds and images" if mean.seeds > 1 else "images"
        yield common | {
            "metric": metric,
            "unit": unit,
            "value": round(mean.value, 4),
            "half_width_95": "" if mean.half_width is None else round(mean.half_width, 4),
            "interval_over": "" if mean.half_width is None else over,
            "n": mean.n if isinstance(mean, Mean) else mean.seeds,
            "baseline": compared.baseline.label if compared.baseline and unit == "points" else "",
        }


def _wide_published(table: Table, row: Row, numbers: Sequence[Published], counts: Counts | None) -> Line:
    printed = of_row(numbers, table, row)
    top1, top5 = (value_of(numbers, table, row, *metrics) for metrics in (TOP1, TOP5))
    base = value_of(numbers, table, table.baseline_of(row), *TOP1)
    baseline = table.baseline_of(row) is row
    params, flops = printed.get("params"), printed.get("gflops")
    return {
        "row": row.label,
        "source": "published",
        "protocol": ", ".join(dict.fromkeys(number.protocol for number in printed.values())),
        "dataset": ", ".join(dict.fromkeys(number.dataset for number in printed.values())),
        "model": row.published or "",
        "img_size": row.cell.protocol.image_size,
        **_rates("top1", top1, None),
        **_rates("top5", top5, None),
        "top1_err_difference": "" if top1 is None or base is None or baseline else round(top1 - base, 2),
        "seeds": 1 if top1 is not None else "",
        "param_count": params.value if params else _in(counts.trainable if counts else None, 10**6),
        "gmacs": flops.value if flops else _in(counts.multiply_adds if counts else None, 10**9),
    }


def _wide_measured(view: View, compared: ComparedRow) -> Line:
    row, summary, difference, counts = compared.row, compared.summary, compared.difference, compared.counts
    return {
        "row": row.label,
        "source": view.source,
        "protocol": row.cell.protocol.name,
        "dataset": row.cell.protocol.data_name,
        "model": row.cell.backbone,
        "img_size": row.cell.protocol.image_size,
        **_mean_rates("top1", summary.top1),
        **_mean_rates("top5", summary.top5),
        "top1_err_difference": "" if difference is None else round(difference.value, 4),
        "top1_err_difference_half_width_95": "" if difference is None else round(difference.half_width, 4),
        "verdict": compared.direction or "",
        "seeds": len(summary.compared),
        "param_count": _in(counts.trainable if counts else None, 10**6),
        "gmacs": _in(counts.multiply_adds if counts else None, 10**9),
        "cell_key": row.cell.key,
    }


def _mean_rates(name: str, mean: Mean | None) -> Line:
    return _rates(name, mean.value, mean.half_width) if mean else {}


def _rates(name: str, error_pct: float | None, half_width: float | None) -> Line:
    if error_pct is None:
        return {}
    interval = {} if half_width is None else {f"{name}_err_half_width_95": round(half_width, 4)}
    return {name: round(100 - error_pct, 4), f"{name}_err": round(error_pct, 4), **interval}


def _in(count: int | None, unit: int) -> object:
    return "" if count is None else round(count / unit, 3)
