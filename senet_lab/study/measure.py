"""Measure: the two numbers that are told of a run, and which way is better.

Networks that name photos have a top-1 and a top-5 error, detectors an average precision (AP, over ten overlaps from
0.5 to 0.95) and that at an overlap of 0.5, all in percent.
"""

from dataclasses import dataclass

from senet_lab.study.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Number:
    """published: its names among the published numbers, the first that is there counts. short: in a table's heading;
    words: in a sentence; field: in records and data; data: in JSON and wide files."""

    published: tuple[str, ...]
    short: str
    words: str
    field: str
    data: str


@dataclass(frozen=True, slots=True)
class Measure:
    """first: what rows are compared by. second: what is told beside it. what: both, in a word."""

    first: Number
    second: Number
    what: str
    higher_is_better: bool


ERROR = Measure(
    Number(("top1_error", "top1_error_224"), "top-1 err.", "top-1 error", "top1_error_pct", "top1_err"),
    Number(("top5_error", "top5_error_224"), "top-5 err.", "top-5 error", "top5_error_pct", "top5_err"),
    "error",
    False,
)  # of published errors the second is of tables with several sizes of images
PRECISION = Measure(
    Number(("map",), "AP", "AP", "ap_pct", "ap"),
    Number(("map50",), "AP@0.5", "AP at overlap 0.5", "ap50_pct", "ap50"),
    "AP",
    True,
)


def measure_of(protocol: Protocol) -> Measure:
    """What is measured under a protocol."""
    return PRECISION if protocol.detection else ERROR
