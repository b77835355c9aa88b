"""What a run tells of itself while it trains."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """epoch: finished epochs of ``epochs``; step: finished steps of all ``steps`` of the run."""

    epoch: int
    epochs: int
    step: int
    steps: int
    top1_error_pct: float | None = None  # after an epoch
    note: str = ""  # what a user should know of the run


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tells nobody."""
