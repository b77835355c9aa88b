"""A record in words: what was trained, what was measured, where and how, and its digests."""

from dataclasses import dataclass
from pathlib import Path

from senet_lab.records.checked_files import read_json
from senet_lab.records.precision import AveragePrecision
from senet_lab.records.publish import PLACES, file_of
from senet_lab.records.record import Record, Status, scientific_digest
from senet_lab.records.store import Store
from senet_lab.report.notes import recipe_text
from senet_lab.report.wording import NONE
from senet_lab.study.network_names import described

MEND = "restore it from git"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about a record, in words."""

    name: str
    value: str


def record_facts(record: Record, store: Store) -> list[Fact]:
    """Everything in a record except the answers image by image.

    Raises FileNotFoundError where the record's file is gone, and StudyError where it is no JSON object.
    """
    return [*_trained(record), *_measured(record), *_made(record), *_checked(record, store)]


def facts_text(facts: list[Fact]) -> str:
    """The facts as text, one line for each."""
    width = max(len(fact.name) for fact in facts)
    return "\n".join(f"{fact.name:{width}}  {fact.value}".rstrip() for fact in facts)


def path_below(store: Store, record: Record, name: str | None = None) -> Path:
    """The record's own file, or its file of this name (such as "curve"), relative to the results folder."""
    path = store.path(record.run) if name is None else file_of(store, record.run, name)
    return path.relative_to(store.root)


def _trained(record: Record) -> list[Fact]:
    cell = record.run.cell
    facts = [
        Fact("key", cell.key),
        Fact("seed", str(record.run.seed)),
        Fact("network", described(cell.backbone, cell.se)),
        Fact("parameters", f"{record.trainable:,} weights and biases"),
        Fact("multiply-adds", f"{record.multiply_adds:,} for one image"),
        Fact("protocol", recipe_text(cell.protocol)),
    ]
    return facts + [Fact("departure", text) for text in cell.protocol.departures]


def _measured(record: Record) -> list[Fact]:
    if record.status is Status.FAILED:
        return [Fact("failed", record.failure or "")]
    protocol = record.run.cell.protocol
    images = f"of {protocol.test_images:,} {protocol.evaluation_split} images, final epoch"
    if record.precision is not None:
        return _of_detector(record.precision, f"{protocol.evaluation_split} photos, final epoch")
    return [
        Fact("top-1 error", f"{_percent(record.top1_error_pct)} {images}"),
        Fact("top-5 error", f"{_percent(record.top5_error_pct)} {images}"),
        Fact(
            "best epoch",
            f"{_percent(record.best_top1_error_pct)} top-1 error; selected on these same images, so in no table",
        ),
    ]


def _of_detector(found: AveragePrecision, photos: str) -> list[Fact]:
    sizes = (("small", found.ap_small_pct), ("medium", found.ap_medium_pct), ("large", found.ap_large_pct))
    return [
        Fact("AP", f"{_percent(found.ap_pct)} of {found.photos:,} {photos}"),
        Fact("AP at 0.5, 0.75", f"{_percent(found.ap50_pct)}, {_percent(found.ap75_pct)}"),
        Fact("AP by size", ", ".join(f"{name} {_percent(value)}" for name, value in sizes)),
        Fact("found", f"{found.boxes:,} boxes"),
    ]


def _made(record: Record) -> list[Fact]:
    made = record.provenance
    flags = dict.fromkeys(" ".join(part.cpu_flags) for part in made.parts if part.cpu_flags)
    cpus = dict.fromkeys(part.cpu for part in made.parts if part.cpu != made.device)
    facts = [
        Fact("revision", ", ".join(made.revisions)),
        Fact("device", "; ".join([made.device, *cpus])),
        *(Fact("vector instructions", text) for text in flags),
        Fact("executor", f"{made.executor}, {made.threads} thread(s){', compiled' if made.compiled else ''}"),
        Fact("versions", ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items()))),
        Fact("trained", f"{made.train_seconds:,.0f} s, until {made.finished_at}"),
    ]
    if made.skipped_photos:
        facts.append(Fact("left out", f"{made.skipped_photos} damaged training photos"))
    return facts


def _checked(record: Record, store: Store) -> list[Fact]:
    written = read_json(store.path(record.run), MEND)
    data = record.provenance.data_sha256
    facts = [Fact(f"data sha256, {split}", digest) for split, digest in sorted(data.items())]
    facts += [
        Fact("file", str(path_below(store, record))),
        Fact("digest of the file", str(written["digest"])),
        Fact("digest of what was measured", f"{scientific_digest(record)} (runs with equal bits have equal ones)"),
    ]
    for name in PLACES:
        digest = getattr(record.files, name)
        if digest is not None:
            facts.append(Fact(f"{name} sha256", digest))
    return facts


def _percent(error: float | None) -> str:
    return NONE if error is None else f"{error:.2f} %"
