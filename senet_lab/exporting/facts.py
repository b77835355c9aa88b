"""Facts: what is known about a network's weights, for its model card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from senet_lab.records.record import Record
from senet_lab.study.cell import Run, from_plain, to_plain
from senet_lab.study.protocol import Precision

OURS = "Apache-2.0, as senet_lab; the terms of the training data are not changed by it"
OF_OTHERS = "that of the authors of the weights; it is not known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Data, protocol, error and origin of weights. What is not known is None or empty.

    Errors are percentages of ``images`` evaluation images at the final epoch of one run. counted_in: the arithmetic in
    which they were counted, where it is not fp32. data_sha256: by split. revision: of the source that trained the
    weights, or of the package that built the network.
    """

    weights: str
    licence: str
    revision: str
    key: str | None = None
    seed: int | None = None
    protocol: str | None = None
    protocol_version: int | None = None
    protocol_title: str | None = None
    departures: tuple[str, ...] = ()
    dataset: str | None = None
    synthetic: bool = False
    train_images: int | None = None
    evaluation_split: str | None = None
    images: int | None = None
    top1_error_pct: float | None = None
    top5_error_pct: float | None = None
    data_sha256: dict[str, str] | None = None
    device: str | None = None
    versions: dict[str, str] | None = None
    counted_in: str | None = None

    def error_line(self) -> str:
        """The error with its data set, split and n, in one line."""
        if self.top1_error_pct is None or self.images is None:
            return "error: not known here"
        loud = "SYNTHETIC images: " if self.synthetic else ""
        second = "" if self.top5_error_pct is None else f", top-5 {self.top5_error_pct:.2f} %"
        images = f"{self.images:,} {self.evaluation_split} images of {self.dataset}"
        error = f"{loud}top-1 error {self.top1_error_pct:.2f} %{second}"
        arithmetic = f", counted in {self.counted_in}" if self.counted_in else ""
        return f"{error} on {images}; n = 1 run (seed {self.seed}), final epoch{arithmetic}"


def facts_of_run(run: Run, record: Record | None) -> Facts:
    """The facts of a run. Without its record, its error and where it was trained are not known."""
    protocol = run.cell.protocol
    made = record.provenance if record else None
    return Facts(
        weights=f"the final epoch of run {run.cell.key} seed {run.seed}",
        licence=OURS,
        revision=", ".join(made.revisions) if made else "unknown",
        key=run.cell.key,
        seed=run.seed,
        protocol=protocol.name,
        protocol_version=protocol.version,
        protocol_title=protocol.title,
        departures=protocol.departures,
        dataset=protocol.data_name,
        synthetic=protocol.synthetic,
        train_images=protocol.train_images,
        evaluation_split=protocol.evaluation_split,
        images=len(record.correct_top1) if record and record.correct_top1 is not None else None,
        top1_error_pct=record.top1_error_pct if record else None,
        top5_error_pct=record.top5_error_pct if record else None,
        data_sha256=dict(made.data_sha256) if made else None,
        device=made.device if made else None,
        versions=dict(made.versions) if made else None,
        counted_in=None if protocol.precision is Precision.FP32 else protocol.precision.value,
    )


def facts_of_others(weights: str, revision: str) -> Facts:
    """The facts of weights that no run of this project made. weights: where they are from, in words."""
    return Facts(weights=weights, licence=OF_OTHERS, revision=revision)


def facts_from_json(data: Mapping[str, Any]) -> Facts:
    """Facts from the JSON data that ``facts_to_json`` makes. Raises ValueError for any other data."""
    return from_plain(Facts, dict(data))


def facts_to_json(facts: Facts) -> dict[str, Any]:
    """Facts as JSON data, for ``facts_from_json``."""
    found: dict[str, Any] = to_plain(facts)
    return found
