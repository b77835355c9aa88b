"""A table of the paper as blocks of text: published beside measured, and published beside computed.

Each protocol has a block of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from senet_lab.report.blocks import Block
from senet_lab.report.comparison import ComparedRow, Comparison
from senet_lab.report.notes import notes_of
from senet_lab.report.published import EDITIONS, Published, PublishedTable
from senet_lab.report.views import dataset_name, protocols_text
from senet_lab.report.wording import NONE, difference_text
from senet_lab.stats.mean import Mean
from senet_lab.study.conventions import cost_convention, printed, size_convention
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.measure import Measure
from senet_lab.study.table import Table

NAMES = (
    "row",
    "published",
    "measured",
    "published-difference",
    "measured-difference",
    "verdict",
    "parameters",
    "published-top5",
    "measured-top5",
    "multiply-adds",
)  # the columns' names on the command line
NARROW = NAMES[:7]
METRICS = {
    "top1_error_original": "top-1 err. of the network's own paper, %",
    "top5_error_original": "top-5 err. of the network's own paper, %",
    "top1_error": "top-1 err., %",
    "top5_error": "top-5 err., %",
    "top1_error_224": "top-1 err. at 224, %",
    "top5_error_224": "top-5 err. at 224, %",
    "top1_error_320": "top-1 err. at 320 or 299, %",
    "top5_error_320": "top-5 err. at 320 or 299, %",
    "map": "AP, %",
    "map50": "AP@0.5, %",
    "params": "params, M",
    "gflops": "GFLOPs",
    "mflops": "MFLOPs",
}


def comparison_block(comparison: Comparison) -> Block:
    """The block of one protocol: for each row the published and measured numbers, differences, verdict and costs.

    Where the view is a companion of the printed table, the headings name both data sets. A table of which the paper
    prints nothing has no columns of published numbers.
    """
    view = comparison.view
    paper = f" ({dataset_name(view.paper.paper_protocol)})" if view.companion else ""
    here = f" ({view.datasets})" if view.companion else ""
    split, first, second = view.protocols[0].evaluation_split, view.measure.first.short, view.measure.second.short
    columns = (
        "row",
        f"published {first}, %{paper}",
        f"measured {split} {first}, %{here}",
        f"published difference, points{paper}",
        f"measured difference, points{here}",
        "verdict",
        "parameters",
        f"published {second}, %{paper}",
        f"measured {split} {second}, %{here}",
        "multiply-adds, M",
    )
    lines = tuple(_line(row, view.measure, comparison.chained) for row in comparison.rows)
    block = Block(
        comparison_title(comparison),
        columns,
        lines,
        tuple(notes_of(comparison)),
        NAMES,
        NARROW,
        f"{view.paper.slug}-{view.label}",
    )
    if comparison.printed:
        return block
    wide, narrow = ([name for name in names if not name.startswith("published")] for names in (NAMES, NARROW))
    return replace(block.only(wide), narrow=tuple(narrow))


def comparison_title(comparison: Comparison) -> str:
    """A heading with the data set, the trained networks, the protocol, and the source of the records."""
    view = comparison.view
    kind = f"a companion of {view.whose} {dataset_name(view.paper.paper_protocol)} table; " if view.companion else ""
    return (
        f"{'Published beside measured' if comparison.printed else 'Measured'} on {view.datasets}, "
        f"{', '.join(view.networks)} ({kind}{protocols_text(view)}; "
        f"records: {view.source})"
    )


def _line(row: ComparedRow, measure: Measure, chained: bool) -> tuple[str, ...]:
    """The cells of a row. chained: whether to name its baseline beside the difference."""
    first, second = row.printed(measure.first.published), row.printed(measure.second.published)
    compared = row.baseline is not None
    points = NONE if row.published_points is None else f"{row.published_points:+.2f}"
    against = f" against {row.baseline.label}" if row.baseline and row.difference and chained else ""
    return (
        row.row.label,
        first.value if first else NONE,
        mean_text(row.summary.first, len(row.summary.failed)),
        points if compared else "baseline",
        difference_text(row.difference) + against if compared else "baseline",
        (row.direction or NONE) if compared else "",
        f"{row.counts.trainable:,}" if row.counts else NONE,
        second.value if second else NONE,
        mean_text(row.summary.second, len(row.summary.failed)),
        f"{row.counts.multiply_adds / 1e6:,.1f}" if row.counts else NONE,
    )


def mean_text(mean: Mean | None, failed: int = 0) -> str:
    """A mean with its interval and the number of seeds; a dash for None. failed: the runs that are in no mean."""
    beside = f"{failed} failed" if failed else ""
    if mean is None:
        return f"{NONE} ({beside})" if beside else NONE
    interval = "" if mean.half_width is None else f" ± {mean.half_width:.2f}"
    return f"{mean.value:.2f}{interval} ({', '.join(filter(None, (f'n = {mean.n}', beside)))})"


def published_block(published: PublishedTable, counts: Mapping[str, Counts]) -> Block:
    """The printed numbers beside the computed parameters and multiply-adds, by the conventions of the edition."""
    table = published.table
    printed = [published.rows[row.label] for row in table.rows]
    metrics = [name for name in METRICS if any(name in row for row in printed)]
    columns = ["row", *(f"published {METRICS[name]}" for name in metrics)]
    columns += ["computed params, M", "computed multiply-adds, G", "trainable params"]
    lines = []
    for row, values in zip(table.rows, printed, strict=True):
        cells = [values[name].value if name in values else NONE for name in metrics]
        lines.append((row.label, *cells, *_computed(table, counts.get(network_key(row.cell)), values)))
    single = sorted({n.row for values in printed for n in values.values() if n.confidence != "verified"})
    title, source = "Computed from the networks", "No numbers are published for this table."
    if any(printed):
        title, source = "Published, beside computed", _source(table, printed)
    notes = [
        source,
        f"Computed here from the networks: parameters are {size_convention(table.edition, table.number).text}; "
        f"{cost_convention(table.edition, table.number).text}.",
    ]
    remarks: dict[str, dict[str, None]] = {}
    for number in (values[name] for values in printed for name in metrics if name in values):
        if number.note:
            remarks.setdefault(number.note, {})[number.row] = None
    if remarks:
        of_rows = "; ".join(f"{', '.join(rows)}: {note}" for note, rows in remarks.items())
        notes.append(f"On the printed numbers. {of_rows}.")
    if single:
        notes.append(f"Transcribed from a single source: {', '.join(single)}.")
    return Block(title, tuple(columns), tuple(lines), tuple(notes), label=f"{table.slug}-counts")


def _source(table: Table, printed: Sequence[Mapping[str, Published]]) -> str:
    protocols = ", ".join(dict.fromkeys(n.protocol for values in printed for n in values.values()))
    return f"Published: {EDITIONS.get(table.edition, table.edition)}, {_datasets(printed)}, protocol {protocols}."


def _computed(table: Table, counts: Counts | None, values: Mapping[str, Published]) -> tuple[str, str, str]:
    if counts is None:
        return NONE, NONE, NONE
    size, cost = size_convention(table.edition, table.number), cost_convention(table.edition, table.number)
    parameters = counts.with_statistics if size.statistics else counts.trainable
    decimals = values["params"].decimals if "params" in values else 1
    return (
        printed(parameters, 10**6, decimals, cut=size.cut),
        printed(cost.count(counts.operations), 10**9, 3 if "mflops" in values else 2, cut=cost.cut),
        f"{counts.trainable:,}",
    )


def _datasets(printed: Sequence[Mapping[str, Published]]) -> str:
    return ", ".join(dict.fromkeys(n.dataset for values in printed for n in values.values()))
