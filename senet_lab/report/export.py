"""The same numbers as lines of a CSV: one line a row, source, protocol and metric."""

import csv
import io
from collections.abc import Iterable, Mapping

from senet_lab.report.published import Published, of_row
from senet_lab.report.summary import Mean, RowSummary
from senet_lab.report.tables import Measured
from senet_lab.stats.difference import Difference
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.table import Table

COLUMNS = (
    "edition",
    "table",
    "row",
    "source",
    "protocol",
    "dataset",
    "split",
    "backbone",
    "metric",
    "unit",
    "value",
    "half_width_95",
    "interval_over",
    "n",
    "seeds",
    "selection",
    "baseline",
    "device",
    "revision",
    "cell_key",
)


def table_csv(table: Table, numbers: list[Published], counts: Mapping[str, Counts], views: Iterable[Measured]) -> str:
    """Published, computed and measured values of one table, told apart by ``source``."""
    lines = [*_published(table, numbers), *_computed(table, counts)]
    for view in views:
        for summary in view.rows:
            lines += _measured(view, summary)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({"edition": table.edition, "table": table.number, **line} for line in lines)
    return text.getvalue()


def _published(table: Table, numbers: list[Published]) -> Iterable[dict[str, object]]:
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


def _computed(table: Table, counts: Mapping[str, Counts]) -> Iterable[dict[str, object]]:
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


def _measured(view: Measured, summary: RowSummary) -> Iterable[dict[str, object]]:
    row = summary.row
    protocol = row.cell.protocol
    runs = [record for record in view.loaded.records if record.run.cell.key == row.cell.key]
    common = {
        "row": row.label,
        "source": view.source,
        "protocol": protocol.name,
        "dataset": protocol.data_name,
        "split": protocol.evaluation_split,
        "backbone": row.cell.backbone,
        "selection": "final",
        "device": "; ".join(dict.fromkeys(r.provenance.device for r in runs)),
        "revision": "; ".join(dict.fromkeys(r.provenance.revision[:10] for r in runs)),
        "cell_key": row.cell.key,
    }
    means: tuple[tuple[str, str, Mean | Difference | None], ...] = (
        ("top1_error_pct", "pct", summary.top1),
        ("top5_error_pct", "pct", summary.top5),
        ("top1_error_difference", "points", summary.difference),
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
            "seeds": " ".join(map(str, summary.paired if unit == "points" else summary.seeds)),
            "baseline": view.table.baseline_of(row).label if unit == "points" else "",
        }
