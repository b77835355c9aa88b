"""The numbers of a table as CSV files.

The long file has a line for each row, source, protocol and metric. The wide file has a line for each row, source and
protocol. Columns that timm's result files have too are named as there.
"""

from collections.abc import Iterable, Mapping

from senet_lab.records.checked_files import csv_text
from senet_lab.report.comparison import ComparedRow, Comparison
from senet_lab.report.made_by import difference_made_by, mean_made_by, trained_by
from senet_lab.report.p_values import p_number
from senet_lab.report.published import COSTS, PublishedTable
from senet_lab.report.views import View
from senet_lab.stats.difference import Difference
from senet_lab.stats.mean import Mean
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.measure import Number
from senet_lab.study.table import Row, Table

COLUMNS = (
    "edition", "table", "row", "source", "protocol", "dataset", "split", "backbone", "metric", "unit", "value",
    "half_width_95", "interval_over", "n", "seeds", "selection", "baseline", "device", "revision", "cell_key",
)  # fmt: skip
WIDE_COLUMNS = (
    "edition", "table", "row", "source", "protocol", "dataset", "split", "model", "img_size", "top1", "top1_err",
    "top1_err_half_width_95", "top5", "top5_err", "top5_err_half_width_95", "top1_err_difference",
    "top1_err_difference_half_width_95", "difference_interval_over", "adjusted_p", "settled_at_seeds", "verdict",
    "seeds", "failed_seeds", "selection", "param_count", "gmacs", "device", "revision", "cell_key",
)  # fmt: skip
WIDE_AP_COLUMNS = (
    "edition", "table", "row", "source", "protocol", "dataset", "split", "model", "img_size", "ap", "ap_half_width_95",
    "ap50", "ap50_half_width_95", "ap_difference", "ap_difference_half_width_95", "difference_interval_over",
    "adjusted_p", "settled_at_seeds", "verdict", "seeds", "failed_seeds", "selection", "param_count", "gmacs", "device",
    "revision", "cell_key",
)  # fmt: skip
Line = dict[str, object]


def table_csv(published: PublishedTable, counts: Mapping[str, Counts], comparisons: Iterable[Comparison]) -> str:
    """The long CSV file: published, computed and measured values of one table. Column ``source`` tells them apart."""
    table = published.table
    lines = [*_published(published), *_computed(table, counts)]
    for comparison in comparisons:
        for row in comparison.rows:
            lines += _measured(comparison.view, row)
    return csv_text(COLUMNS, _of_table(table, lines))


def wide_csv(published: PublishedTable, comparisons: Iterable[Comparison]) -> str:
    """The wide CSV file: a line for the published numbers of each row, and one for each view that measured the row.

    top1, top5: accuracy in percent. top1_err, top5_err: error in percent. Detectors have ap and ap50 instead, in
    percent. Differences are to the row's baseline, in points. param_count: in millions; gmacs: multiply-adds for one
    image, in thousand millions. Both are as printed, by the paper's own counting, which mostly includes batch norm's
    statistics; or those of the network that was trained, its weights and biases counted as the ablations count.
    difference_interval_over: what the interval of the difference is over. adjusted_p: the p-value of the verdict after
    Holm's adjustment. failed_seeds: how many runs failed, which are in no mean. settled_at_seeds: with a sequential
    plan, the number of seeds at the look that p-value is of. device, revision: with a difference, the baseline's too.
    """
    table = published.table
    lines = [_wide_published(published, row) for row in table.rows]
    for comparison in comparisons:
        lines += [_wide_measured(comparison.view, row) for row in comparison.rows if _was_run(row)]
    return csv_text(WIDE_AP_COLUMNS if table.measure.higher_is_better else WIDE_COLUMNS, _of_table(table, lines))


def _was_run(row: ComparedRow) -> bool:
    return bool(row.summary.first or row.summary.failed)


def _of_table(table: Table, lines: Iterable[Line]) -> Iterable[Line]:
    return ({"edition": table.edition, "table": table.number, **line} for line in lines)


def _published(published: PublishedTable) -> Iterable[Line]:
    for label, printed in published.rows.items():
        for number in printed.values():
            yield {
                "row": label,
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
    row, summary, measure = compared.row, compared.summary, view.measure
    protocol = row.cell.protocol
    common: Line = {
        "row": row.label,
        "source": view.source,
        **trained_by(protocol),
        "backbone": row.cell.backbone,
        **mean_made_by(view, compared),
        "cell_key": row.cell.key,
        "seeds": " ".join(map(str, summary.compared)),
    }
    means: tuple[tuple[str, str, Mean | Difference | None], ...] = (
        (measure.first.field, "pct", summary.first),
        (measure.second.field, "pct", summary.second),
        (measure.first.field.replace("_pct", "_difference"), "points", compared.difference),
    )
    for metric, unit, mean in means:
        if mean is None:
            continue
        over = "seeds" if isinstance(mean, Mean) else mean.interval_over
        by = {} if isinstance(mean, Mean) else difference_made_by(view, compared)
        yield (
            common
            | by
            | {
                "metric": metric,
                "unit": unit,
                "value": round(mean.value, 4),
                "half_width_95": "" if mean.half_width is None else round(mean.half_width, 4),
                "interval_over": "" if mean.half_width is None else over,
                "n": mean.n if isinstance(mean, Mean) else mean.seeds,
                "baseline": compared.baseline.label if compared.baseline and unit == "points" else "",
            }
        )
    for metric, seeds in (("left_out_runs", summary.left_out), ("failed_runs", summary.failed)):
        if seeds:
            line = {"metric": metric, "unit": "1", "value": len(seeds), "seeds": " ".join(map(str, seeds))}
            yield common | mean_made_by(view, compared, seeds) | line


def _wide_published(published: PublishedTable, row: Row) -> Line:
    table, printed = published.table, published.rows[row.label]
    first, second = table.measure.first, table.measure.second
    value, other = (published.value(row.label, number.published) for number in (first, second))
    baseline = table.baseline_of(row)
    points = None if baseline is row else published.points(row.label, baseline.label)
    params, giga, mega = (printed.get(metric) for metric in ("params", *COSTS))
    return {
        "row": row.label,
        "source": "published",
        "protocol": ", ".join(dict.fromkeys(number.protocol for number in printed.values())),
        "dataset": ", ".join(dict.fromkeys(number.dataset for number in printed.values())),
        "model": row.published or "",
        "img_size": row.cell.protocol.image_size,
        **_rates(first, value, None),
        **_rates(second, other, None),
        f"{first.data}_difference": "" if points is None else round(points, 2),
        "param_count": params.value if params else "",
        "gmacs": giga.value if giga else f"{float(mega.value) / 1000:g}" if mega else "",
    }


def _wide_measured(view: View, compared: ComparedRow) -> Line:
    row, summary, difference, counts = compared.row, compared.summary, compared.difference, compared.counts
    measure = view.measure
    return {
        "row": row.label,
        "source": view.source,
        **trained_by(row.cell.protocol),
        "model": row.cell.backbone,
        "img_size": row.cell.protocol.image_size,
        **_mean_rates(measure.first, summary.first),
        **_mean_rates(measure.second, summary.second),
        f"{measure.first.data}_difference": "" if difference is None else round(difference.value, 4),
        f"{measure.first.data}_difference_half_width_95": "" if difference is None else round(difference.half_width, 4),
        "difference_interval_over": "" if difference is None else difference.interval_over,
        "adjusted_p": p_number(compared.adjusted_p),
        "settled_at_seeds": compared.looked_at,
        "verdict": compared.direction or "",
        "seeds": len(summary.compared),
        "failed_seeds": len(summary.failed),
        "param_count": _in(counts.trainable if counts else None, 10**6),
        "gmacs": _in(counts.multiply_adds if counts else None, 10**9),
        **(difference_made_by if difference else mean_made_by)(view, compared),
        "cell_key": row.cell.key,
    }


def _mean_rates(number: Number, mean: Mean | None) -> Line:
    return _rates(number, mean.value, mean.half_width) if mean else {}


def _rates(number: Number, value: float | None, half_width: float | None) -> Line:
    """The number with its interval. An error also gives the accuracy, under the name without "_err"."""
    if value is None:
        return {}
    name, end, _ = number.data.partition("_err")
    accuracy = {name: round(100 - value, 4)} if end else {}
    interval = {} if half_width is None else {f"{number.data}_half_width_95": round(half_width, 4)}
    return {**accuracy, number.data: round(value, 4), **interval}


def _in(count: int | None, unit: int) -> object:
    return "" if count is None else round(count / unit, 3)
