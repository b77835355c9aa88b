"""The small part of excitations that git keeps and that figures are made from: CSV files and a card.

    <results>/excitations/<name>/card.json        network and images
                                 means.csv        block, channel, mean gate of each class and of all images
                                 deviations.csv   block, channel, standard deviation over the images of each class
                                 histograms.csv   block, lower edge of the bin, share of gates of each class and of all
                                 blocks.csv       one line for each block: see ``block_numbers``
                                 statements.csv   the paper's statements about depth, from blocks.csv (``statements``)

Captures of synthetic images or random weights go to ``<results>/excitations/demo``, which git does not keep.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from senet_lab.excitations.card import card_of
from senet_lab.excitations.statistics import ALL, Counts, Excitations, Floats, Span
from senet_lab.records.checked_files import csv_text
from senet_lab.records.files import replace_file
from senet_lab.records.gate_health import SATURATED

DEMO = "demo"  # the folder of captures that git does not keep
NEAR_ONE = 0.9


def write_capture(root: Path, name: str, excitations: Excitations, chosen: Sequence[str]) -> Path:
    """Writes the files of one capture, and returns their folder. chosen: the classes that figures show."""
    folder = root / "excitations" / (DEMO if excitations.origin.is_demo else "") / name
    classes = [excitations.class_names[k] for k in excitations.own_rows]
    means = np.vstack([excitations.mean_KM[list(excitations.own_rows)], excitations.overall_mean_M()])
    deviations = np.sqrt(excitations.variance_KM()[list(excitations.own_rows)])
    replace_file(folder / "card.json", card_of(name, excitations, tuple(chosen)).to_json().encode())
    by_channel = [(span.name, channel) for span in excitations.spans for channel in range(span.channels)]
    _write(folder / "means.csv", ["block", "channel", *classes, ALL], _lines(by_channel, means.T))
    _write(folder / "deviations.csv", ["block", "channel", *classes], _lines(by_channel, deviations.T))
    _write(folder / "histograms.csv", ["block", "gate", *classes, ALL], _histograms(excitations))
    numbers = [block_numbers(span, block) for span, block in excitations.blocks()]
    _write(folder / "blocks.csv", list(numbers[0]), [[_text(v) for v in line.values()] for line in numbers])
    return folder


def block_numbers(span: Span, block: Excitations) -> dict[str, str | int | float]:
    """The numbers of one block over all images: the columns of blocks.csv.

    - mean, deviation: mean and standard deviation of all gates, over images and channels.
    - class_deviation: standard deviation of the class means over the classes, averaged over channels.
    - specificity: between-class variance over total variance, averaged over the channels that vary.
    - by_chance: the specificity that is expected if classes do not matter, (K - 1) / (images - 1).
    - image_deviation: standard deviation within a class, as root mean square over images and channels.
    - share_low, share_high: shares of gates that are saturated. share_near_one: share of gates from 0.9 on.
    - share_constant: share of channels that do not vary.
    - pattern: correlation, over channels, of a class's means with the means of all classes; averaged over classes.

    specificity, by_chance and image_deviation are NaN where no class has two images.
    """
    count, mean = block.count_K[block.seen], block.mean_KM[block.seen]
    images, classes = block.images, len(count)
    centre = (count[:, None] * mean).sum(axis=0) / images
    between = (count[:, None] * (mean - centre) ** 2).sum(axis=0) / images
    within = block.m2_KM.sum(axis=0) / images
    total = between + within
    varies = total > 0
    repeated = images > classes
    low, high = SATURATED[block.gate]
    return {
        "block": span.name,
        "channels": span.channels,
        "mean": float(centre.mean()),
        "deviation": float(np.sqrt(total.mean() + centre.var())),
        "class_deviation": float(mean.std(axis=0).mean()),
        "specificity": float((between[varies] / total[varies]).mean()) if repeated and varies.any() else float("nan"),
        "by_chance": (classes - 1) / (images - 1) if repeated else float("nan"),
        "image_deviation": float(np.sqrt(within.mean())) if repeated else float("nan"),
        "share_low": 1 - _share_from(block, low),
        "share_high": _share_from(block, high),
        "share_near_one": _share_from(block, NEAR_ONE),
        "share_constant": float(1 - varies.mean()),
        "pattern": _pattern(mean),
    }


def _share_from(block: Excitations, value: float) -> float:
    counts: Counts = block.histogram_SMN.sum(axis=(0, 1))
    return float(counts[block.bins.below(value) :].sum() / counts.sum())


def _pattern(mean_KC: Floats) -> float:
    centred = mean_KC - mean_KC.mean(axis=1, keepdims=True)
    overall = centred.mean(axis=0)
    sizes = np.sqrt((centred**2).sum(axis=1) * (overall**2).sum())
    if not (sizes > 0).all():
        return float("nan")
    return float((centred @ overall / sizes).mean())


def _histograms(excitations: Excitations) -> Iterator[list[str]]:
    edges = excitations.bins.edges()
    decimals = len(f"{1 / excitations.bins.per_unit:g}") - 2
    for span, block in excitations.blocks():
        rows = block.histogram_SMN.sum(axis=1)
        shares = np.vstack([rows[: len(block.own_rows)], rows.sum(axis=0)]).astype(float)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
        for edge, values in zip(edges, shares.T, strict=True):
            yield [span.name, f"{edge:.{decimals}f}", *map(_text, values)]


def _lines(heads: Iterable[tuple[str, int]], values: Floats) -> Iterator[list[str]]:
    for (name, channel), line in zip(heads, values, strict=True):
        yield [name, str(channel), *map(_text, line)]


def _text(value: object) -> str:
    return f"{value:.5f}" if isinstance(value, float) else str(value)


def _write(path: Path, head: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    text = csv_text(head, (dict(zip(head, line, strict=True)) for line in lines))
    replace_file(path, text.encode())
