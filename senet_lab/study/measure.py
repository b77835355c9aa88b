"""Measure: the two numbers that are reported of a run, and whether higher or lower is better.

Classifiers have a top-1 and a top-5 error. Detectors have an average precision (AP, over ten overlaps from 0.5 to 0.95)
and the AP at an overlap of 0.5. All are in percent.
"""

from dataclasses import dataclass

from senet_lab.study.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Number:
    """One number and its names.

    published: its metrics in the files of published numbers; where a row has several of them, the first is shown.
    short: its name in a table's heading. words: in a sentence. field: in records and data frames. data: in JSON and
    wide CSV files.
    """

    published: tuple[str, ...]
    short: str
    words: str
    field: str
    data: str


@dataclass(frozen=True, slots=True)
class Measure:
    """The two numbers of a run. Rows are compared by the first; the second is shown beside it. what: both in a word."""

    first: Number
    second: Number
    what: str
    higher_is_better: bool


ERROR = Measure(
    Number(("top1_error", "top1_error_224"), "top-1 err.", "top-1 error", "top1_error_pct", "top1_err"),
    Number(("top5_error", "top5_error_224"), "top-5 err.", "top-5 error", "top5_error_pct", "top5_err"),
    "error",
    False,
)  # top1_error_224 and top5_error_224: in tables that print errors at several image sizes
PRECISION = Measure(
    Number(("map",), "AP", "AP", "ap_pct", "ap"),
    Number(("map50",), "AP@0.5", "AP at overlap 0.5", "ap50_pct", "ap50"),
    "AP",
    True,
)


def stepping_images(protocol: Protocol) -> int | None:
    """The number of images in steps of one of which a run's error moves; None for AP, which has no such steps."""
    return None if protocol.detection else protocol.test_images


def measure_of(protocol: Protocol) -> Measure:
    """The measure of networks under a protocol: AP for detectors, errors for classifiers."""
    return PRECISION if protocol.detection else ERROR
