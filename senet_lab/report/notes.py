"""The notes below a comparison: how its numbers were made, and what limits them."""

from collections.abc import Iterable

from senet_lab.records.gate_health import CONSTANT, constant_blocks
from senet_lab.records.record import Record
from senet_lab.report.choices import choices_of
from senet_lab.report.comparison import Comparison
from senet_lab.report.made_by import made_text
from senet_lab.report.p_values import at_look_text, needed_p, p_text
from senet_lab.report.views import View
from senet_lab.report.wording import far_text, intervals, order_text, rule_text, seeds_text
from senet_lab.stats.mean import mean_of
from senet_lab.stats.rank_agreement import agreement_of
from senet_lab.stats.seed_noise import FEWEST_ROWS, POOLED_SEEDS
from senet_lab.study.measure import stepping_images
from senet_lab.study.protocol import Dataset, Precision, Protocol

TIES = "Evaluated in bf16, which rounds logits: an image whose true class ties with another one counts as wrong."
FROM_IMAGENET = "a companion of an ImageNet table"  # the beginning of a departure of CIFAR's protocols


def notes_of(comparison: Comparison) -> Iterable[str]:
    """The notes of one view, in the order in which a reader needs them."""
    view = comparison.view
    yield (
        "Published: one number each; the paper gives no interval and no number of runs. " * comparison.printed
        + "Measured: final epoch."
    )
    yield from intervals(view.measure)
    yield from _baselines(comparison)
    yield (
        "Verdict: lower or higher means that a test found the true difference below or above zero; "
        f"{rule_text(comparison.judgement)}"
    )
    yield from _tests(comparison)
    if view.companion:
        yield f"A companion of {view.whose} table: {view.unlike}. Compare signs and order, not sizes."
    yield from _parameters(view)
    yield from map(recipe_text, view.protocols)
    if any(p.precision is Precision.BF16 and p.detection is None for p in view.protocols):
        yield TIES
    yield from _provenance(view)
    yield from _seeds(comparison)
    yield from seeds_text({summary.row.label: summary.values_pct for summary in view.rows}, view.measure)
    yield from far_text(comparison.judgement, {row.cell.key: row.label for row in view.table.rows})
    yield from _gates(view)
    skipped = max((record.provenance.skipped_photos for record in view.records), default=0)
    if skipped:
        yield f"Damaged training photos were left out: {skipped} of a run, or fewer."
    yield from dict.fromkeys(_departures(view))
    yield from choices_of(one.row.cell for one in view.rows if one.seeds or one.failed)
    yield from _order(comparison)


def _baselines(comparison: Comparison) -> Iterable[str]:
    """Which row each is compared with, where it is not the same one for all."""
    if len(comparison.baselines) > 1:
        pairs = "; ".join(f'"{row.row.label}" with "{row.baseline.label}"' for row in comparison.rows if row.baseline)
        yield f"Compared rows, each with its baseline: {pairs}."


def _tests(comparison: Comparison) -> Iterable[str]:
    """The adjusted p-values, and the rows whose spread over seeds could not be estimated from the whole table."""
    tested = [row for row in comparison.rows if row.adjusted_p is not None]
    if tested:
        listed = "; ".join(f"{row.row.label} {p_text(row.adjusted_p)}{at_look_text(row.result)}" for row in tested)
        needed = needed_p([comparison.judgement])
        plan = comparison.judgement.plan
        together = "the comparisons open at a look" if plan and plan.leaves_out_settled else "this table's comparisons"
        yield f"p-values, adjusted for {together} by Holm's method (a verdict needs {needed}): {listed}."
    alone = [
        row.row.label
        for row in comparison.rows
        if (found := row.difference) and found.seeds in POOLED_SEEDS and found.pooled_freedom is None
    ]
    if alone:
        yield (
            f"Fewer than {FEWEST_ROWS} rows have these seeds, so the spread over seeds is that of the two compared "
            f"rows alone: {', '.join(alone)}."
        )


def _departures(view: View) -> Iterable[str]:
    """The protocols' departures. FROM_IMAGENET is left out where the paper's table is of other images than ImageNet."""
    of_imagenet = view.paper.paper_protocol.dataset is Dataset.IMAGENET
    for protocol in view.protocols:
        for departure in protocol.departures:
            if of_imagenet or not departure.startswith(FROM_IMAGENET):
                yield f"Departure: {departure}."


def _parameters(view: View) -> Iterable[str]:
    text, trained = "Parameters (weights and biases) and multiply-adds are those of", ", ".join(view.networks)
    if view.networks == view.all_networks:
        yield f"{text} the networks that were trained: {trained}."
    else:
        yield f"{text} each row's network, trained or not. Trained here: {trained}."


def recipe_text(protocol: Protocol) -> str:
    """A protocol in one sentence: its data, and how it trains."""
    return (
        f"Protocol {protocol.name} v{protocol.version}: {protocol.data_name}, {protocol.train_images:,} training "
        f"and {protocol.test_images:,} {protocol.evaluation_split} images, {protocol.epochs} epochs, batch "
        f"{protocol.batch_size}, peak lr {protocol.schedule.peak_lr:g} ({protocol.schedule.decay.value}), weight decay "
        f"{protocol.weight_decay:g}, {protocol.precision.value}."
    )


def _provenance(view: View) -> Iterable[str]:
    """What made the numbers of the rows, and what made the runs that are in none of them."""
    in_numbers = {(row.row.cell.key, seed) for row in view.rows for seed in (*row.compared, *row.failed)}
    counted, others = list[Record](), list[Record]()
    for record in view.records:
        (counted if (record.run.cell.key, record.run.seed) in in_numbers else others).append(record)
    yield made_text(counted)
    if others:
        yield f"Runs that are in no row's mean: {made_text(others)}"


def _seeds(comparison: Comparison) -> Iterable[str]:
    """Notes on failed, missing and left-out seeds.

    Where a row is compared over other seeds than its baseline's mean, a note gives the baseline's mean over the row's
    seeds.
    """
    view = comparison.view
    wanted = sorted({seed for summary in view.rows for seed in summary.seeds})
    for summary in view.rows:
        if summary.failed:
            yield f"Failed runs of {summary.row.label}, in no mean: {_listed(summary.failed)}."
    for summary in view.rows:
        missing = sorted(set(wanted) - set(summary.seeds) - set(summary.failed))
        if missing:
            yield f"Not run for {summary.row.label}: {_listed(missing)}."
        if summary.left_out:
            yield (
                f"{summary.row.label}, {_listed(summary.left_out)}: not among the seeds that the baseline has on the "
                "same images, so not in the row's mean and difference. Claims that compare it with other rows use "
                "them, and the figure of errors shows them as crosses."
            )
    yield from dict.fromkeys(_baseline_notes(comparison))


def _baseline_notes(comparison: Comparison) -> Iterable[str]:
    errors = {(record.run.cell.key, record.run.seed): record.first for record in comparison.view.records}
    summaries = {summary.row.label: summary for summary in comparison.view.rows}
    for row in comparison.rows:
        seeds = row.summary.compared
        if row.baseline and row.difference and seeds != summaries[row.baseline.label].compared:
            values = [errors[row.baseline.cell.key, seed] for seed in seeds]
            mean = mean_of([value for value in values if value is not None], stepping_images(row.row.cell.protocol))
            if mean:
                yield f"Over {_listed(seeds)} alone, {row.baseline.label} has {mean.value:.2f} %."


def _gates(view: View) -> Iterable[str]:
    labels = {row.cell.key: row.label for row in view.table.rows}
    for record in view.records:
        blocks = constant_blocks(record, view.loaded.store)
        if blocks:
            yield (
                f"Warning: after the last epoch of {labels[record.run.cell.key]}, seed {record.run.seed}, the gates of "
                f"{', '.join(blocks)} are constant over the images (standard deviation below {CONSTANT:g})."
            )


def _order(comparison: Comparison) -> Iterable[str]:
    view = comparison.view
    printed = {row.row.label: row.printed(view.measure.first.published) for row in comparison.rows}
    known = {label: float(number.value) for label, number in printed.items() if number}
    order = agreement_of(view.loaded.paired_runs, view.table, known, comparison.judgement.plan)
    if order:
        yield order_text(order)


def _listed(seeds: Iterable[int]) -> str:
    found = list(map(str, seeds))
    return f"seed{'s' * (len(found) > 1)} {', '.join(found)}"
