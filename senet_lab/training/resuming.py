"""What a run goes on from: its checkpoint, and what has changed since."""

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from senet_lab.errors import StudyError
from senet_lab.records.reading import read_bytes
from senet_lab.records.record import TrainedPart
from senet_lab.records.store import Store
from senet_lab.study.cell import Run, canonical_json
from senet_lab.training import state_file
from senet_lab.training.checkpoint import CheckpointError, CheckpointRefused, misfit
from senet_lab.training.parts import changed
from senet_lab.training.progress import Progress, Report
from senet_lab.training.ranks import Ranks
from senet_lab.training.state_file import Kind, Saved

LOG = logging.getLogger("senet_lab")


def checkpoint_of(
    run: Run, store: Store, model: nn.Module, here: TrainedPart, digests: Mapping[str, str], ranks: Ranks
) -> Saved | None:
    """The checkpoint that the run goes on from; None without one. The first process reads it for all.

    here: the circumstances of this process. digests: of this process's data, by split. Raises CheckpointRefused for a
    checkpoint that does not fit the run or was trained on other data, whichever process finds that, and StudyError
    where the processes that train together have different data.
    """
    if len({canonical_json(dict(found)) for found in ranks.gathered(dict(digests))}) > 1:
        raise StudyError("the processes that train together see different data: give all of them the same folder")
    path = store.path(run, "cache/checkpoints", ".safetensors")
    data = ranks.told(read_bytes(path) if ranks.first else None)
    if data is None:
        return None
    saved, refusal = _fitting(data, path, run, model, here, digests)
    refusals = [one for one in ranks.gathered(refusal) if one]
    if refusals:
        raise CheckpointRefused(refusals[0])
    return saved


def _fitting(
    data: bytes, path: Path, run: Run, model: nn.Module, here: TrainedPart, digests: Mapping[str, str]
) -> tuple[Saved | None, str]:
    """What a checkpoint's bytes hold, and why this process cannot go on from it; empty where it can."""
    try:
        saved = state_file.from_bytes(data, path, Kind.CHECKPOINT, run)
    except CheckpointError as error:
        return None, str(error)
    mend, protocol = state_file.MENDS[Kind.CHECKPOINT], run.cell.protocol
    steps, counted = saved.state.steps(protocol), sum(part.steps for part in saved.parts)
    reason = misfit(saved.state, model, protocol)
    if not reason and steps != counted:
        reason = f"its curve is of {steps} steps, its parts are of {counted}"
    if reason:
        changes = changed(saved.parts[-1], here) if saved.parts else []
        undo = f"undo what has changed since ({'; '.join(changes)}), or " if changes else ""
        return saved, f"{path} does not fit its run: {reason}; {undo}{mend}"
    other = [split for split, digest in saved.data.items() if digests.get(split) != digest]
    told = f"{path} was trained on other data than are here ({', '.join(other)}): go on where those are, or {mend}"
    return saved, told if other else ""


def say_what_changed(run: Run, before: Saved | None, here: TrainedPart, report: Report) -> None:
    """Logs and reports the circumstances that have changed since a run's checkpoint, if there is one."""
    changes = changed(before.parts[-1], here) if before and before.parts else []
    if before and changes:
        note, protocol = f"goes on under other circumstances: {'; '.join(changes)}", run.cell.protocol
        LOG.warning("%s seed %d %s", run.cell.key, run.seed, note)
        whole = protocol.epochs * protocol.steps_per_epoch
        done = before.state.steps(protocol)
        report(Progress(len(before.state.curve), protocol.epochs, done, whole, note=note))
