"""Progress: what a run reports while it trains."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """epoch: finished epochs of the run's ``epochs``. step: finished steps of the run's ``steps``."""

    epoch: int
    epochs: int
    step: int
    steps: int
    top1_error_pct: float | None = None  # at the end of an epoch
    note: str = ""  # what a user should know about the run
    train_loss: float | None = None  # at the end of an epoch

    @property
    def after_epoch(self) -> bool:
        """Whether this is reported at the end of an epoch."""
        return self.train_loss is not None or self.top1_error_pct is not None


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Reports nothing."""
