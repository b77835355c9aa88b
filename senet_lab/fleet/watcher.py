"""Watcher: who is told of the runs of a fleet."""

from typing import Protocol as Interface

from senet_lab.fleet.outcome import Outcome
from senet_lab.study.cell import Run
from senet_lab.training.progress import Progress


class Watcher(Interface):
    """Is called with what happens to the runs of a fleet."""

    def started(self, run: Run) -> None:
        """A worker took a run."""

    def progressed(self, run: Run, progress: Progress) -> None:
        """A run reported its progress."""

    def ended(self, run: Run, outcome: Outcome) -> None:
        """A run left its worker; the outcome says why."""
