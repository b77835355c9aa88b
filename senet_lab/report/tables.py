"""A table of the paper as blocks of text cells: published beside computed, then what was measured, protocol by
protocol, never two protocols in one block."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from senet_lab.records.gate_health import CONSTANT, constant_blocks
from senet_lab.records.record import Record
from senet_lab.report.load import COMMITTED, Loaded, candidates
from senet_lab.report.published import EDITIONS, Published, of_row, value_of
from senet_lab.report.summary import Mean, RowSummary, summarise
from senet_lab.report.wording import NONE, difference_text, order_text, rule_text
from senet_lab.stats.rank_agreement import agreement_of
from senet_lab.stats.verdicts import Judgement, PartResult, Verdict
from senet_lab.study.cell import Cell
from senet_lab.study.conventions import cost_convention, printed, size_convention
from senet_lab.study.counts import Counts, network_key
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.table import Row, Table

SPLITS = {Dataset.IMAGENET: "validation"}


@dataclass(frozen=True, slots=True)
class Block:
    """A title, columns, one line of cells a row, and the notes below."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A table under one protocol (or, for the paper's own, its rows' protocols) with what one source has of it."""

    table: Table
    loaded: Loaded
    rows: tuple[RowSummary, ...]

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The protocols of the rows, each once."""
        return tuple(dict.fromkeys(row.cell.protocol for row in self.table.rows))

    @property
    def source(self) -> str:
        """Whose records these are. Those of the demonstration are never committed, so they are this machine's."""
        return "this machine" if self.loaded.source == COMMITTED and self.synthetic else self.loaded.source

    @property
    def synthetic(self) -> bool:
        """Whether any of it is about generated images."""
        return any(protocol.synthetic for protocol in self.protocols)

    @property
    def compares(self) -> bool:
        """Whether two rows or more were measured: one alone, shared with another table, is no comparison."""
        return sum(bool(row.seeds) for row in self.rows) > 1

    @property
    def name(self) -> str:
        """The protocols' names, for files and headings."""
        return view_name(self.table)


def view_name(table: Table) -> str:
    """The names of a table's protocols, with their versions after the first."""
    protocols = dict.fromkeys(row.cell.protocol for row in table.rows)
    return "+".join(p.name if p.version == 1 else f"{p.name}-v{p.version}" for p in protocols)


def title_of(table: Table) -> str:
    """As a heading: number, edition, caption."""
    return f"Table {table.number} ({EDITIONS.get(table.edition, table.edition)}): {table.caption}"


def measured_views(table: Table, sources: Iterable[Loaded]) -> list[Measured]:
    """The table as the paper has it and under every other protocol that has records of it, source by source."""
    views = []
    for loaded in sources:
        recorded = {record.run.cell.key for record in loaded.records}
        for candidate in candidates(table, loaded.protocols()):
            if recorded & {row.cell.key for row in candidate.rows}:
                views.append(Measured(candidate, loaded, tuple(summarise(candidate, loaded))))
    return views


def published_block(table: Table, numbers: list[Published], counts: Mapping[str, Counts]) -> Block:
    """The printed numbers beside the counts of the network itself."""
    printed = [of_row(numbers, table, row) for row in table.rows]
    metrics = [name for name in _METRICS if any(name in row for row in printed)]
    columns = ["row", *(f"published {_METRICS[name]}" for name in metrics)]
    columns += ["computed params, M", "computed multiply-adds, G", "trainable params"]
    lines = []
    for row, values in zip(table.rows, printed, strict=True):
        cells = [values[name].value if name in values else NONE for name in metrics]
        lines.append((row.label, *cells, *_computed(table, counts.get(network_key(row.cell)), values)))
    protocols = ", ".join(dict.fromkeys(n.protocol for values in printed for n in values.values())) or NONE
    single = sorted({n.row for values in printed for n in values.values() if n.confidence != "verified"})
    notes = [
        f"Published: {EDITIONS.get(table.edition, table.edition)}, {_datasets(printed)}, protocol {protocols}.",
        f"Computed here from the networks: parameters are {size_convention(table.edition, table.number).text}; "
        f"{cost_convention(table.edition, table.number).text}.",
    ]
    if single:
        notes.append(f"Transcribed from a single source: {', '.join(single)}.")
    return Block("Published, beside computed", tuple(columns), tuple(lines), tuple(notes))


_METRICS = {
    "top1_error_original": "top-1 err. of the network's own paper, %",
    "top5_error_original": "top-5 err. of the network's own paper, %",
    "top1_error": "top-1 err., %",
    "top5_error": "top-5 err., %",
    "top1_error_224": "top-1 err. at 224, %",
    "top5_error_224": "top-5 err. at 224, %",
    "top1_error_320": "top-1 err. at 320 or 299, %",
    "top5_error_320": "top-5 err. at 320 or 299, %",
    "params": "params, M",
    "gflops": "GFLOPs",
    "mflops": "MFLOPs",
}


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


def measured_block(
    view: Measured, paper: Table, numbers: list[Published], counts: Mapping[str, Counts], judgement: Judgement
) -> Block:
    """One protocol's measurements, each row beside the published difference to its baseline."""
    same = view.table.rows == paper.rows
    published_errors = {row.label: value_of(numbers, paper, row, "top1_error") for row in paper.rows}
    split = view.protocols[0].evaluation_split
    columns = [
        "row",
        f"{split} top-1 err., %",
        "difference to baseline, points",
        "verdict",
        f"{split} top-5 err., %",
        "n",
        "params",
        "multiply-adds, M",
        "published difference, points" if same else "published difference (ImageNet), points",
    ]
    lines = []
    for summary in view.rows:
        row = summary.row
        network = counts.get(network_key(row.cell))
        is_baseline = view.table.baseline_of(row) is row
        lines.append(
            (
                row.label,
                _mean(summary.top1),
                "baseline" if is_baseline else difference_text(summary.difference),
                "" if is_baseline else _row_verdict(judgement.rows[row.label]),
                _mean(summary.top5),
                f"n = {len(summary.seeds)}",
                f"{network.trainable:,}" if network else NONE,
                f"{network.multiply_adds / 1e6:.1f}" if network else NONE,
                "baseline" if is_baseline else _published_difference(paper, row, published_errors),
            )
        )
    known = {label: error for label, error in published_errors.items() if error is not None}
    order = agreement_of(view.loaded.paired_runs, view.table, known)
    notes = [*_notes(view, same, judgement), *([order_text(order)] if order else [])]
    return Block(measured_title(view), tuple(columns), tuple(lines), tuple(notes))


def measured_title(view: Measured) -> str:
    """Whose records, whether the data are synthetic, and the protocol."""
    what = "; ".join(dict.fromkeys(f"{p.name}: {p.title}" if p.title else p.name for p in view.protocols))
    synthetic = "SYNTHETIC DATA, " if view.synthetic else ""
    return f"Measured, {view.source} — {synthetic}{what}"


def _published_difference(paper: Table, row: Row, errors: Mapping[str, float | None]) -> str:
    error, base = errors[row.label], errors[paper.baseline_of(row).label]
    return NONE if error is None or base is None else f"{error - base:+.2f}"


def _mean(mean: Mean | None) -> str:
    if mean is None:
        return NONE
    return f"{mean.value:.2f} (n = 1)" if mean.half_width is None else f"{mean.value:.2f} ± {mean.half_width:.2f}"


def _row_verdict(result: PartResult) -> str:
    names = {Verdict.SUPPORTED: "lower", Verdict.CONTRADICTED: "higher", Verdict.NOT_RUN: NONE}
    return names.get(result.verdict, result.verdict.value)


def _notes(view: Measured, same: bool, judgement: Judgement) -> Iterable[str]:
    networks = ", ".join(dict.fromkeys(row.cell.backbone for row in view.table.rows))
    runs = [r for r in view.loaded.records if r.run.cell.key in {row.cell.key for row in view.table.rows}]
    yield (
        f"Network {networks}; final epoch; ± of an error is the 95 % half-width over n seeds (Student's t). With n = 1 "
        "there is none: seed noise is unknown."
    )
    yield (
        "Differences are paired over equal seeds and images; their ± is the 95 % half-width over seeds and images "
        '(two-way bootstrap), with one seed ("images only") over images alone.'
    )
    yield f"Verdict: the true difference is below (lower) or above (higher) zero; {rule_text(judgement)}"
    if not same:
        yield "A companion of the paper's table: other data, network and schedule. Compare signs and order, not sizes."
    for protocol in view.protocols:
        yield _recipe(protocol)
    devices = ", ".join(
        dict.fromkeys(
            f"{r.provenance.device} ({r.provenance.executor}, {r.provenance.threads} thread(s))" for r in runs
        )
    )
    revisions = ", ".join(dict.fromkeys(r.provenance.revision[:10] + ("+changes" * r.provenance.dirty) for r in runs))
    data = ", ".join(dict.fromkeys(r.provenance.data_sha256["test"][:10] for r in runs))
    yield f"Device {devices}; revision {revisions}; evaluation data sha256 {data}."
    for summary in view.rows:
        if summary.failed:
            yield f"Failed runs of {summary.row.label}, in no mean: seeds {', '.join(map(str, summary.failed))}."
    yield from _gate_notes(view, runs)
    yield from _seed_notes(view)
    for departure in dict.fromkeys(d for protocol in view.protocols for d in protocol.departures):
        yield f"Departure: {departure}."


def _gate_notes(view: Measured, runs: Iterable[Record]) -> Iterable[str]:
    labels = {row.cell.key: row.label for row in view.table.rows}
    for record in runs:
        blocks = constant_blocks(record, view.loaded.store)
        if blocks:
            yield (
                f"Warning: after the last epoch of {labels[record.run.cell.key]}, seed {record.run.seed}, the gates of "
                f"{', '.join(blocks)} are constant over the images (standard deviation below {CONSTANT:g})."
            )


def _seed_notes(view: Measured) -> Iterable[str]:
    wanted = sorted({seed for summary in view.rows for seed in summary.seeds})
    for summary in view.rows:
        missing = sorted(set(wanted) - set(summary.seeds) - set(summary.failed))
        if missing:
            yield f"Not run for {summary.row.label}: seeds {', '.join(map(str, missing))}."


def _recipe(protocol: Protocol) -> str:
    return (
        f"Protocol {protocol.name} v{protocol.version}: {protocol.data_name}, {protocol.train_images:,} training "
        f"and {protocol.test_images:,} {protocol.evaluation_split} images, {protocol.epochs} epochs, batch "
        f"{protocol.batch_size}, peak lr {protocol.schedule.peak_lr:g} ({protocol.schedule.decay.value}), weight decay "
        f"{protocol.weight_decay:g}, {protocol.precision.value}."
    )


def cells_of(views: Iterable[Measured]) -> list[Cell]:
    """Every cell of some views."""
    return [row.cell for view in views for row in view.table.rows]
