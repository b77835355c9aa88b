"""Released weights beside the published numbers.

They show the errors of networks that others trained. They do not show what a training run of this study would give.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.records.evaluation import Evaluated
from senet_lab.report.blocks import Block
from senet_lab.report.published import Published, PublishedTable
from senet_lab.report.wording import NONE
from senet_lab.stats.proportions import agreement, mcnemar, wilson
from senet_lab.study.protocol import Dataset
from senet_lab.study.released import Released
from senet_lab.study.table import Row, Table

COLUMNS = (
    "row",
    "published, the paper's training: top-1 / top-5 err., %",
    "published, the release: top-1 / top-5 err., %",
    "measured top-1 err., %",
    "measured top-5 err., %",
    "top-1 against the release",
    "weights",
    "view",
)
# Of the paper's metrics, by the side of the crop: one table has 224 pixels and a larger crop beside each other.
SUFFIXES = {224: ("", "_224"), 299: ("", "_320"), 320: ("_320",)}


@dataclass(frozen=True, slots=True)
class Shown:
    """One evaluation that stands for a row of a table."""

    row: Row
    released: Released
    found: Evaluated


def releases_of(
    table: Table, released: Mapping[str, Sequence[Released]], labels: Sequence[str] = ()
) -> list[tuple[Row, Released]]:
    """The released weights that stand for rows of this table: for classifiers of ImageNet alone, as the weights are.

    released: for each row's label. labels: of the rows; empty for all.
    """
    return [
        (row, one)
        for row in table.rows
        if row.cell.protocol.dataset is Dataset.IMAGENET and row.cell.protocol.detection is None
        if not labels or row.label in labels
        for one in released.get(row.label, ())
    ]


def shown_for(table: Table, released: Mapping[str, Sequence[Released]], evaluated: Iterable[Evaluated]) -> list[Shown]:
    """The evaluations that stand for rows of this table, in the order of the rows.

    released: the released weights for each row's label. Evaluations of weights of a file are left out.
    """
    by_source: dict[str, list[Evaluated]] = {}
    for found in evaluated:
        if found.subject.weights == found.subject.source or found.subject.weights.startswith("random"):
            by_source.setdefault(found.subject.source, []).append(found)
    return [
        Shown(row, one, found)
        for row, one in releases_of(table, released)
        for found in by_source.get(one.source, ())
        if one.view is None or one.view.geometry == found.subject.view.geometry
    ]


def released_blocks(shown: Sequence[Shown], paper: PublishedTable, release: list[Published]) -> list[Block]:
    """A block for each set of photos that the rows were evaluated on.

    paper: the paper's published numbers. release: the numbers that the authors published with their weights.
    """
    sets: dict[str, list[Shown]] = {}
    for one in shown:
        sets.setdefault(one.found.subject.images_sha256, []).append(one)
    return [_block(of_set, paper, release) for of_set in sets.values()]


def _block(shown: Sequence[Shown], paper: PublishedTable, release: list[Published]) -> Block:
    first = shown[0].found
    return Block(
        f"Released weights, no training of this study — {first.photos}",
        COLUMNS,
        tuple(_line(one, paper, release) for one in shown),
        tuple(_notes(shown)),
    )


def _line(one: Shown, paper: PublishedTable, release: list[Published]) -> tuple[str, ...]:
    found, view = one.found, one.found.subject.view
    printed = _release_numbers(one.released, release)
    top1 = printed.get("top1_error")
    against = NONE
    if top1 and found.subject.weights.startswith("random"):
        against = "random weights: not compared"
    elif top1 and not found.whole:
        against = "other images: not compared"
    elif top1:
        against = agreement(found.images - int(found.top1.sum()), top1, found.images)
    return (
        one.row.label,
        _pair(*(_printed(one.row, paper, metric, view.size) for metric in ("top1_error", "top5_error"))),
        _pair(top1, printed.get("top5_error")),
        error_text(found.top1),
        error_text(found.top5),
        against,
        f"{found.subject.source}"
        + (f" ({found.subject.weights})" if found.subject.weights != found.subject.source else ""),
        f"{view}; {found.subject.precision} on {found.device}",
    )


def _printed(row: Row, paper: PublishedTable, metric: str, size: int) -> str | None:
    """The paper's error, in percent, in a view of this size; None where it prints none."""
    printed = paper.rows.get(row.label, {})
    return next((printed[name].value for name in (metric + s for s in SUFFIXES.get(size, ())) if name in printed), None)


def _release_numbers(released: Released, release: list[Published]) -> dict[str, str]:
    return {n.metric: n.value for n in release if n.row == released.published}


def _pair(top1: str | None, top5: str | None) -> str:
    return f"{top1 or NONE} / {top5 or NONE}" if top1 or top5 else NONE


def error_text(right_N: NDArray[np.bool_]) -> str:
    """The error in percent with Wilson's 95 % interval, over images alone. right_N: whether each image is right."""
    errors = len(right_N) - int(right_N.sum())
    low, high = wilson(errors, len(right_N))
    return f"{100 * errors / len(right_N):.2f} [{low:.2f}, {high:.2f}]"


def _notes(shown: Sequence[Shown]) -> Iterable[str]:
    first = shown[0].found
    yield (
        f"n = {first.images:,} images, {first.layout}. No run of this study: one set of weights a row, trained "
        "by others, its selection unknown. Intervals are Wilson's, over images alone."
    )
    if not first.whole:
        yield "These are not the 50,000 validation images: published numbers stand beside for orientation only."
    for recipe in dict.fromkeys((one.released.source, one.released.recipe) for one in shown):
        yield f"{recipe[0]}: {recipe[1]}."
    yield from dict.fromkeys(made_text(one.found) for one in shown)
    real = [one for one in shown if one.found.real is not None and one.found.real[2].any()]
    if real:
        yield "By the reassessed labels (ReaL), top-1 err., %: " + "; ".join(map(_real_text, real)) + "."


def made_text(found: Evaluated) -> str:
    """How an evaluation was computed, in one sentence."""
    s = found.subject
    return (
        f"Decoder and resize {found.decoder}, torchvision {found.versions.get('torchvision', 'unknown')}; "
        f"{s.precision} on {found.device}, batch {s.batch}; {found.revision}; weights sha256 {s.weights_sha256[:10]}, "
        f"photos sha256 {s.images_sha256[:10]}."
    )


def _real_text(one: Shown) -> str:
    assert one.found.real is not None
    top1, _, judged = one.found.real
    return f"{one.row.label} {100 - 100 * int(top1[judged].sum()) / int(judged.sum()):.2f} (n = {int(judged.sum()):,})"


def without(found: Evaluated, keep_N: NDArray[np.bool_], name: str) -> str:
    """The errors over a part of the photos, in one line. keep_N: whether each photo is kept; name: what is kept.

    The paper's rows marked † leave out the photos of the 2014 blacklist.
    """
    return (
        f"{found.subject.source}, {name} (n = {int(keep_N.sum()):,}): top-1 err. {error_text(found.top1[keep_N])} %, "
        f"top-5 err. {error_text(found.top5[keep_N])} %"
    )


def compared(first: Evaluated, second: Evaluated) -> str:
    """Two networks compared image by image, in one line."""
    pair = mcnemar(first.top1, second.top1)
    return (
        f"{first.subject.source} less {second.subject.source}: {pair.difference:+.2f} points of top-1 error on the "
        f"same {pair.images:,} images ({pair.only_first:,} only the first has wrong, {pair.only_second:,} only the "
        f"second; McNemar p = {pair.p_value:.2g}). It says which of the two is better, not why: recipes may differ."
    )


def as_data(one: Evaluated) -> dict[str, Any]:
    """One evaluation as JSON values: counts of images, errors and intervals in percent."""
    data: dict[str, Any] = {
        "key": one.subject.key,
        "network": one.subject.source,
        "weights": one.subject.weights,
        "weights_sha256": one.subject.weights_sha256,
        "view": str(one.subject.view),
        "photos": one.photos,
        "whole_validation_set": one.whole,
        "images": one.images,
        "top1_correct": int(one.top1.sum()),
        "top5_correct": int(one.top5.sum()),
        "precision": one.subject.precision,
        "device": one.device,
        "revision": one.revision,
    }
    for name, right in (("top1", one.top1), ("top5", one.top5)):
        errors = one.images - int(right.sum())
        data[f"{name}_error_pct"] = 100 * errors / one.images
        data[f"{name}_error_interval_95_pct"] = list(wilson(errors, one.images))
    return data
