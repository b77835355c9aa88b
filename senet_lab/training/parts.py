"""The parts of a run: how many steps were trained under which circumstances (device, versions, revision, ...)."""

from collections.abc import Sequence
from dataclasses import fields, replace

import torch

from senet_lab import extensions
from senet_lab.records.record import TrainedPart
from senet_lab.study.cell import Cell
from senet_lab.training import provenance
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.settings import Settings


def part_here(cell: Cell, device: torch.device, settings: Settings, ranks: Ranks = ALONE) -> TrainedPart:
    """The circumstances of this process, as a part with 0 steps."""
    revision, dirty = provenance.revision()
    batch = cell.protocol.batch_size
    together = min(-(-batch // ranks.count), settings.at_once or batch)
    if cell.protocol.detection is not None:
        together = batch  # a detector's frozen batch norms take no statistics of a batch
    return TrainedPart(
        steps=0,
        revision=revision,
        dirty=dirty,
        device=provenance.device_name(device),
        cpu=provenance.cpu_name(),
        cpu_flags=provenance.cpu_flags(),
        threads=torch.get_num_threads(),
        executor=settings.executor_for(cell).value,
        compiled=settings.compiles(cell),
        versions=provenance.versions(device),
        processes=ranks.count,
        batch_norm_images=0 if together == batch else together,
        extensions=extensions.digests(cell),
    )


def with_steps(before: Sequence[TrainedPart], here: TrainedPart, steps: int) -> tuple[TrainedPart, ...]:
    """The parts after ``steps`` further steps here. They join the last part if no circumstance has changed."""
    if steps == 0:
        return tuple(before)
    if before and not changed(before[-1], here):
        return (*before[:-1], replace(before[-1], steps=before[-1].steps + steps))
    return (*before, replace(here, steps=steps))


def changed(before: TrainedPart, here: TrainedPart) -> list[str]:
    """The circumstances that have changed, each in a few words: name, old value, new value."""
    found = []
    for field in fields(TrainedPart):
        old, new = getattr(before, field.name), getattr(here, field.name)
        if field.name == "steps" or old == new:
            continue
        if field.name in ("versions", "extensions"):
            names = [name for name in sorted(new | old) if old.get(name) != new.get(name)]
            found += [f"{name} {str(old.get(name))[:10]} -> {str(new.get(name))[:10]}" for name in names]
        elif field.name == "cpu_flags":
            found.append(f"vector instructions {' '.join(sorted({*old} ^ {*new}))}")
        else:
            found.append(f"{field.name} {str(old)[:40]} -> {str(new)[:40]}")
    return found
