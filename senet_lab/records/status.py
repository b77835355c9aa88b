"""The states of a table's runs, from files alone, so that no process has to stay alive to know them."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from senet_lab.records.files import remove_file, replace_file
from senet_lab.records.publish import broken_path
from senet_lab.records.reading import is_file, read_bytes
from senet_lab.records.record import Status
from senet_lab.records.store import Store
from senet_lab.study.cell import Run


class State(StrEnum):
    """The state of one run."""

    DONE = "done"
    FAILED = "failed"  # recorded: its loss was no longer finite
    RUNNING = "running"
    BROKEN = "broken"  # an error ended it; the next command tries again
    INTERRUPTED = "interrupted"  # it has a checkpoint, and nobody trains it
    NOT_RUN = "not run"
    QUEUED = "queued"  # not run or interrupted, with workers in a queue that will take it


@dataclass(frozen=True, slots=True)
class RunState:
    """A run and its state. note: the error of a finished run, why it failed or broke, or where it runs; else empty."""

    run: Run
    state: State
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The state as JSON values."""
        cell = self.run.cell
        return {
            "protocol": cell.protocol.name,
            "key": cell.key,
            "seed": self.run.seed,
            "state": self.state.value,
            "note": self.note,
        }


def states_of(runs: Iterable[Run], store: Store) -> list[RunState]:
    """The state of each run. Raises StudyError for a damaged record."""
    return [_state_of(run, store) for run in runs]


def _state_of(run: Run, store: Store) -> RunState:
    record = store.read(run)
    if record is not None and record.status is Status.FAILED:
        return RunState(run, State.FAILED, str(record.failure))
    if record is not None:
        return RunState(run, State.DONE, record.text)
    holder = store.holder(run)
    if holder is not None:
        return RunState(run, State.RUNNING, str(holder))
    broken = read_bytes(broken_path(store, run))
    if broken is not None:
        return RunState(run, State.BROKEN, " ".join(broken.decode("utf-8", errors="replace").split()))
    return RunState(run, State.INTERRUPTED if is_begun(run, store) else State.NOT_RUN)


def is_begun(run: Run, store: Store) -> bool:
    """Whether the run has a checkpoint."""
    return is_file(store.path(run, "cache/checkpoints", ".safetensors"))


def note_broken(run: Run, store: Store, why: str) -> None:
    """Notes why a run broke, for ``states_of``. A later note replaces it; a record makes it void. Raises OSError."""
    replace_file(broken_path(store, run), f"{why}\n".encode())


def forget_broken(run: Run, store: Store) -> None:
    """Removes the note of ``note_broken``, since the run is tried again."""
    with contextlib.suppress(OSError):
        remove_file(broken_path(store, run))
