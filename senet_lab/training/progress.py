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
    train_loss: float | None = None  # after an epoch

    @property
    def after_epoch(self) -> bool:
        """Whether an epoch has ended."""
        return self.train_loss is not None or self.top1_error_pct is not None


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tells nobody."""
