"""Compares a recorded run with the same run trained again. Are all bits equal? If not, may they differ?

On one kind of processor, a run's cell and seed determine every bit of its result. Another processor, device or version
of torch rounds differently, and on CUDA no run has verified equal bits, which a detector's gradients cannot have there.
Then the errors are compared, within the interval of ``senet_lab.stats.two_runs``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property

from senet_lab.records.image_bits import ImageBits
from senet_lab.records.precision import AveragePrecision
from senet_lab.records.record import Provenance, Record, TrainedPart
from senet_lab.stats.two_runs import Allowed, allowed_by_images, allowed_by_resamples, allowed_by_seeds, errors_by_cell

NOT_RECORDED = "not recorded"
CODE = ("revision", "own code")  # if only these differ, the bits should be equal; another machine may change bits
TIMES = "seconds"  # the column of a curve that differs between any two runs


class Outcome(StrEnum):
    """The result of a verification."""

    EQUAL = "equal"
    WITHIN = "within the interval"  # other bits on another machine, or on CUDA
    OUTSIDE = "outside the interval"
    DIFFERENT = "different"  # other bits on a machine of the same kind
    OTHER_DATA = "other data"


@dataclass(frozen=True, slots=True)
class ComparedValues:
    """Values that were compared one by one.

    count: how many; None where the record's file of them is not here. differing: how many of them differ. answers:
    whether the values are results on the evaluation images, not facts about the training.
    """

    name: str
    count: int | None
    differing: int = 0
    answers: bool = False

    @property
    def text(self) -> str:
        """The comparison in words."""
        if self.count is None:
            return f"{self.name}: not compared, the record has no file of it here"
        if self.count == 1:
            return f"{self.name}: {'not ' * bool(self.differing)}the same"
        if not self.differing:
            return f"{self.name}: all {self.count:,} equal"
        return f"{self.name}: {self.differing:,} of {self.count:,} differ"


@dataclass(frozen=True)
class Verification:
    """A record, the same run trained again, and what was compared.

    others: errors in percent of all seeds, one list for each cell under the same protocol. They give the spread over
    seeds.
    """

    recorded: Record
    again: Record
    compared: tuple[ComparedValues, ...]
    others: Sequence[Sequence[float]]

    @cached_property
    def circumstances(self) -> dict[str, tuple[str, str]]:
        """The circumstances of both runs by name: (recorded, again)."""
        before, now = circumstances(self.recorded), circumstances(self.again)
        return {name: (before.get(name, NOT_RECORDED), now.get(name, NOT_RECORDED)) for name in now | before}

    @property
    def other_machine(self) -> list[str]:
        """The circumstances that may change bits, and that differ or are not recorded for one of the runs."""
        return [name for name, (old, new) in self.circumstances.items() if old != new and name not in CODE]

    @property
    def other_code(self) -> list[str]:
        """The names in CODE that differ between the two runs."""
        return [name for name in CODE if name in self.circumstances and len(set(self.circumstances[name])) > 1]

    @property
    def answers(self) -> int:
        """How many answers were compared: one bit for each image, or numbers of a detector's AP."""
        return sum(one.count or 0 for one in self.compared if one.answers)

    @property
    def other_answers(self) -> int:
        """How many of the answers differ."""
        return sum(one.differing for one in self.compared if one.answers)

    @property
    def difference(self) -> float | None:
        """Top-1 error (or AP) of the new run minus that of the record, in points; None where a run failed."""
        old, new = self.recorded.first, self.again.first
        return None if old is None or new is None else new - old

    @cached_property
    def allowed(self) -> Allowed | None:
        """How far the two errors may lie apart; None where a run failed."""
        if self.difference is None:
            return None
        images = self.recorded.correct_top1
        by_seeds = allowed_by_seeds(self.others, None if images is None else len(images))
        if by_seeds is not None:
            return by_seeds
        if self.recorded.precision and self.again.precision:
            return allowed_by_resamples(self.recorded.precision.of_resamples(), self.again.precision.of_resamples())
        old, new = self.recorded.correct_top1, self.again.correct_top1
        assert old is not None
        assert new is not None
        return allowed_by_images(_differing(old, new), len(old))

    @property
    def outcome(self) -> Outcome:
        """The result of the comparison."""
        if self.recorded.provenance.data_sha256 != self.again.provenance.data_sha256:
            return Outcome.OTHER_DATA
        if not any(one.differing for one in self.compared):
            return Outcome.EQUAL
        if not self.other_machine and "cuda" not in self.circumstances:
            return Outcome.DIFFERENT
        if self.difference is None or self.allowed is None:
            return Outcome.OUTSIDE
        return Outcome.WITHIN if abs(self.difference) <= self.allowed.points else Outcome.OUTSIDE

    @property
    def holds(self) -> bool:
        """Whether the record is confirmed."""
        return self.outcome in (Outcome.EQUAL, Outcome.WITHIN)


def verify(
    recorded: Record,
    again: Record,
    curves: tuple[bytes | None, bytes | None],
    gates: tuple[bytes | None, bytes | None],
    of_protocol: Iterable[Record],
) -> Verification:
    """Compares two records of one run.

    curves, gates: the content of both runs' files; None where there is none. of_protocol: records; those under the same
    protocol give the spread over seeds. The curves' times are not compared.
    """
    ends = [(record.status, record.failure) for record in (recorded, again)]
    counts = [(record.trainable, record.multiply_adds) for record in (recorded, again)]
    found = [
        ComparedValues("how it ended", 1, int(ends[0] != ends[1])),
        ComparedValues("parameters and multiply-adds", 2, sum(a != b for a, b in zip(*counts, strict=True))),
        *_bits("top-1 bits", recorded.correct_top1, again.correct_top1),
        *_bits("top-5 bits", recorded.correct_top5, again.correct_top5),
        *_precision(recorded, again),
        _values("numbers of the curve", *(_fields(data) for data in curves)),
        _values("numbers of the gates' health", *(_fields(data) for data in gates)),
    ]
    return Verification(recorded, again, tuple(found), errors_by_cell(of_protocol, recorded.run.cell.protocol))


def circumstances(record: Record) -> dict[str, str]:
    """Where and how a run was made, by name. Where a run was trained in several parts, the texts of all parts."""
    made = record.provenance
    versions = dict(sorted(made.versions.items()))
    if not made.parts:  # a record of schema 1: one process on one machine made it
        alone = {"processes": "1", "images of batch norm": "the batch"}
        return {
            "revision": ", ".join(made.revisions),
            "device": made.device,
            "threads": str(made.threads),
            "executor": made.executor,
            "compiled": _yes_or_no(made.compiled),
        } | (alone | versions)
    found = {
        "revision": ", ".join(made.revisions),
        "device": _all(made, lambda part: part.device),
        "processor": _all(made, lambda part: "" if part.cpu == part.device else part.cpu),
        "vector instructions": _all(made, lambda part: " ".join(part.cpu_flags)),
        "threads": _all(made, lambda part: str(part.threads)),
        "executor": _all(made, lambda part: part.executor),
        "compiled": _all(made, lambda part: _yes_or_no(part.compiled)),
        "processes": _all(made, lambda part: str(part.processes)),
        "images of batch norm": _all(made, lambda part: str(part.batch_norm_images or "the batch")),
        "own code": _all(made, lambda part: ", ".join(f"{k} {v[:10]}" for k, v in sorted(part.extensions.items()))),
    }
    for name in dict.fromkeys(name for part in made.parts for name in part.versions):
        versions[name] = _all(made, lambda part, name=name: part.versions.get(name, ""))  # type: ignore[misc]
    return {name: text for name, text in (found | versions).items() if text}


def _all(made: Provenance, value: Callable[[TrainedPart], str]) -> str:
    return "; ".join(dict.fromkeys(text for text in map(value, made.parts) if text))


def _yes_or_no(compiled: bool) -> str:
    return "yes" if compiled else "no"


def _bits(name: str, old: ImageBits | None, new: ImageBits | None) -> list[ComparedValues]:
    if old is None and new is None:
        return []
    if old is None or new is None or len(old) != len(new):
        count = len(old or new or ())
        return [ComparedValues(name, count, count, answers=True)]
    return [ComparedValues(name, len(old), _differing(old, new), answers=True)]


def _precision(recorded: Record, again: Record) -> list[ComparedValues]:
    """For detectors: compares AP in all its forms and over the resamples, and the digests of the files of boxes."""
    if recorded.precision is None and again.precision is None:
        return []
    old, new = (None if one is None else _numbers(one) for one in (recorded.precision, again.precision))
    numbers = _values("numbers of AP", old or [], new or [])
    boxes = ComparedValues(
        "found boxes", 1 if recorded.files.boxes else None, int(recorded.files.boxes != again.files.boxes)
    )
    return [replace(numbers, answers=True), boxes if boxes.count else ComparedValues(boxes.name, None)]


def _differing(old: ImageBits, new: ImageBits) -> int:
    return (int.from_bytes(old.packed) ^ int.from_bytes(new.packed)).bit_count()


def _numbers(found: AveragePrecision) -> list[str]:
    own = [repr(getattr(found, one.name)) for one in fields(found) if one.name != "resamples"]
    return own + [repr(value) for value in found.of_resamples()]


def _fields(data: bytes | None) -> list[str] | None:
    """The values of a CSV file without the column of times; None where there is no file."""
    if data is None:
        return None
    lines = [line.split(",") for line in data.decode().splitlines()]
    kept = [place for place, name in enumerate(lines[0]) if name != TIMES]
    return [line[place] for line in lines[1:] for place in kept]


def _values(name: str, old: list[str] | None, new: list[str] | None) -> ComparedValues:
    if old is None:
        return ComparedValues(name, None)
    new = new or []
    longer = max(len(old), len(new))
    same = sum(a == b for a, b in zip(old, new, strict=False))
    return ComparedValues(name, longer, longer - same)
