"""The result of a verification, as text for people and as values for programs."""

from typing import Any

from senet_lab.report.verification import Outcome, Verification
from senet_lab.study.measure import measure_of


def verification_text(found: Verification) -> str:
    """The finding in one line, then what was compared, and the circumstances of both runs."""
    lines = [finding(found), "", *(one.text for one in found.compared), ""]
    wide = max(map(len, found.circumstances))
    for name, (old, new) in found.circumstances.items():
        lines.append(f"{name:{wide}}  {old}" if old == new else f"{name:{wide}}  {old} -> {new}")
    return "\n".join(lines)


def finding(found: Verification) -> str:
    """One line: whether the record holds, and why."""
    outcome = found.outcome
    if outcome is Outcome.OTHER_DATA:
        return f"the data differ ({_other_data(found)}), so the record is neither confirmed nor refuted"
    if outcome is Outcome.EQUAL:
        if not found.answers:
            return "the run failed again, at the same step"
        return f"all {found.answers:,} {_what(found)} equal{_in_spite_of(found)}"
    counts = f"{found.other_answers:,} of {found.answers:,} {_what(found)} differ"
    if outcome is Outcome.DIFFERENT:
        return f"{counts}, although device, processor and versions are those of the record; {_code(found)}"
    where = f"{counts}; {_machine(found) if found.other_machine else _on_cuda(found)}"
    if found.difference is None or found.allowed is None:
        return f"{where}; one of the two runs failed"
    name = measure_of(found.recorded.run.cell.protocol).first.words
    values = f"{name}: {found.recorded.first:.2f} % recorded, {found.again.first:.2f} % again"
    inside = "within" if outcome is Outcome.WITHIN else "outside"
    return f"{where}. {values[0].upper()}{values[1:]}; {found.difference:+.2f} points, {inside} {_interval(found)}"


def verification_data(found: Verification) -> dict[str, Any]:
    """The verification as JSON values. Errors and differences are in percent and points."""
    allowed, field = found.allowed, measure_of(found.recorded.run.cell.protocol).first.field
    return {
        "key": found.recorded.run.cell.key,
        "seed": found.recorded.run.seed,
        "outcome": found.outcome,
        "holds": found.holds,
        "finding": finding(found),
        _what(found).replace(" ", "_"): found.answers,
        f"differing_{_what(found)}".replace(" ", "_"): found.other_answers,
        "compared": [{"what": one.name, "values": one.count, "differing": one.differing} for one in found.compared],
        f"recorded_{field}": found.recorded.first,
        f"again_{field}": found.again.first,
        "difference_points": found.difference,
        "interval_half_width_points": None if allowed is None else allowed.points,
        "interval_freedom": None if allowed is None else allowed.freedom,
        "circumstances": {
            name: {"recorded": old, "again": new} for name, (old, new) in found.circumstances.items()
        },
    }  # fmt: skip


def _what(found: Verification) -> str:
    return "numbers of AP" if found.recorded.run.cell.protocol.detection else "bits"


def _interval(found: Verification) -> str:
    assert found.allowed is not None
    width = f"± {found.allowed.points:.2f}"
    if found.allowed.freedom:
        return (
            f"{width} (95 %: as far as two seeds of one cell lie apart under {found.recorded.run.cell.protocol.name}, "
            f"by {found.allowed.freedom} degrees of freedom)"
        )
    return f"{width} (95 %, over images alone: no cell under this protocol has two seeds here)"


def _machine(found: Verification) -> str:
    changes = [_change(name, *found.circumstances[name]) for name in found.other_machine]
    return f"the machine differs, or may differ ({'; '.join(changes)})"


def _code(found: Verification) -> str:
    changes = ", ".join(f"{name} {' -> '.join(found.circumstances[name])}" for name in found.other_code)
    return f"the code differs ({changes})" if changes else "the code is the same, too"


def _on_cuda(found: Verification) -> str:
    """Why bits may differ on one and the same GPU."""
    why = "no run has verified the same bits yet"
    if found.recorded.run.cell.protocol.detection:
        why = "a detector's gradients are added up in no fixed order"
    return f"on CUDA, where {why}, device, processor and versions are those of the record; {_code(found)}"


def _in_spite_of(found: Verification) -> str:
    names = [*found.other_code, *found.other_machine]
    changes = "; ".join(_change(name, *found.circumstances[name]) for name in names)
    return f", although these differ or may differ: {changes}" if names else ""


def _change(name: str, old: str, new: str) -> str:
    if name != "vector instructions":
        return f"{name} {old} -> {new}"
    before, now = set(old.split()), set(new.split())
    return f"{name} {'not recorded' if 'recorded' in before else ' '.join(sorted(before ^ now))}"


def _other_data(found: Verification) -> str:
    old, new = found.recorded.provenance.data_sha256, found.again.provenance.data_sha256
    return ", ".join(
        f"{split} sha256 {old.get(split, 'none')[:10]} -> {new.get(split, 'none')[:10]}"
        for split in sorted(old | new)
        if old.get(split) != new.get(split)
    )
