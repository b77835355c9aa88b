"""RunState: a run's state beside network and optimiser. Follower: what happens after each step and each epoch."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import nn

from senet_lab.models.stochastic import stream_states
from senet_lab.models.whole_state import whole_state
from senet_lab.records.curves import CurvePoint, DetectorPoint, Point
from senet_lab.records.gate_health import GateHealth
from senet_lab.records.precision import AveragePrecision, FoundBoxes
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, momentum_of, put_streams
from senet_lab.training.epoch import Diverged, EpochMeter, Evaluation, begin_epoch, rate_at
from senet_lab.training.gate_health import warn
from senet_lab.training.progress import Progress, Report, silent
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.stopping import Paused, SavePlan, Wish

Save = Callable[[Checkpoint], None]
T = TypeVar("T")


def keep_nothing(state: Checkpoint) -> None:
    """Does not save the state."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a run calls: ``save`` after each epoch, and within one when ``plan`` says; ``report`` after each step.

    meet: before a save that all processes of the run come to together, in each of them.
    """

    save: Save = keep_nothing
    report: Report = silent
    plan: SavePlan = field(default_factory=lambda: SavePlan(minutes=None))
    meet: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Trained:
    """The end of a run: its last state and the evaluation of its final weights. found: a detector's boxes."""

    state: Checkpoint
    evaluation: Evaluation | AveragePrecision
    found: FoundBoxes | None = None

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """A point for each epoch; empty for a detector."""
        return tuple(point for point in self.state.curve if isinstance(point, CurvePoint))


class RunState:
    """Curve, gates, sums of the present epoch, and training time of a run. resume: the state that it goes on from."""

    def __init__(
        self,
        model: nn.Module,
        protocol: Protocol,
        seed: int,
        device: torch.device,
        resume: Checkpoint | None = None,
    ) -> None:
        self.model, self.protocol, self.seed, self.device = model, protocol, seed, device
        self.curve: list[Point] = list(resume.curve) if resume else []
        self.gates: list[GateHealth] = list(resume.gates) if resume else []
        self.meter = EpochMeter(device)
        self.in_epoch = False
        self._within = resume if resume and resume.sums else None
        self._before, self._began = resume.seconds if resume else 0.0, time.perf_counter()

    @property
    def within(self) -> Checkpoint | None:
        """The state within an epoch that this process goes on from; None without one, and once that epoch is begun."""
        return self._within

    @property
    def seconds(self) -> float:
        """Seconds of training so far, in this process and before it."""
        return self._before + time.perf_counter() - self._began

    def begin_epoch(self, epoch: int) -> int:
        """Sets training mode, streams and sums for an epoch (from 0). Returns the index of its first step to do."""
        begin_epoch(self.model, self.seed, epoch)
        within, self._within = self._within, None
        if within:
            put_streams(within, self.model)
        self.meter = EpochMeter(self.device, within.sums if within else None)
        self.in_epoch = True
        return self.meter.steps

    def rate(self, epoch: int, step: int) -> float:
        """The learning rate of a step in an epoch, both counted from 0."""
        return rate_at(self.protocol, epoch * self.protocol.steps_per_epoch + step, self.curve)

    def end_epoch(self, epoch: int, evaluation: Evaluation) -> CurvePoint:
        """Adds an epoch (from 0) to curve and gates, and returns its point. Raises Diverged for a loss not finite."""
        rate = self.rate(epoch, self.meter.steps - 1)
        try:
            point = self.meter.point(epoch + 1, rate, evaluation)
        except Diverged as error:
            raise self._counted(error) from None
        self.curve.append(point)
        health = evaluation.gates_after(epoch + 1)
        warn(health, self.gates)
        self.gates += health
        self.in_epoch = False
        return point

    def end_unevaluated_epoch(self, epoch: int) -> None:
        """Adds an epoch (from 0) of a detector to the curve."""
        sums = self.meter.sums()
        self.curve.append(
            DetectorPoint(
                epoch=epoch + 1,
                learning_rate=self.rate(epoch, sums.steps - 1),
                train_loss=round(sums.loss / sums.steps, 6),
                seconds=round(sums.seconds, 3),
            )
        )
        self.in_epoch = False

    def leave_epoch(self) -> None:
        """Ends an epoch without a point in the curve."""
        self.in_epoch = False

    def _counted(self, error: Diverged) -> Diverged:
        """The error with steps and seconds of training until now."""
        error.steps = len(self.curve) * self.protocol.steps_per_epoch + self.meter.steps
        error.seconds = self.seconds
        return error

    def snapshot(self, optimizer: torch.optim.Optimizer | None = None) -> Checkpoint:
        """The present state. Without an optimiser it holds neither weights nor momentum.

        Raises Diverged within an epoch whose sum of losses is not finite: nothing can go on from there.
        """
        kept = self._within or Checkpoint({}, {}, (), 0.0)
        sums = self.meter.sums() if self.in_epoch else kept.sums
        if sums and not math.isfinite(sums.loss):
            epoch = len(self.curve) + 1
            raise self._counted(Diverged(f"the training loss is {sums.loss / sums.steps} in epoch {epoch}"))
        return Checkpoint(
            model=whole_state(self.model) if optimizer else {},
            momentum=momentum_of(self.model, optimizer) if optimizer else {},
            curve=tuple(self.curve),
            seconds=self.seconds,
            gates=tuple(self.gates),
            sums=sums,
            streams=stream_states(self.model) if self.in_epoch else kept.streams,
        )


class Follower:
    """Saves, reports and ends a run, after each step, each batch of an evaluation and each epoch.

    turn: a turn on the device (``turns``), taken to read the state after a step or an epoch. In an evaluation the
    executor has one already.
    """

    def __init__(
        self,
        state: RunState,
        optimizer: torch.optim.Optimizer,
        hooks: Hooks,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        ranks: Ranks = ALONE,
    ) -> None:
        self.state, self.optimizer, self.hooks, self.ranks, self._turn = state, optimizer, hooks, ranks, turn

    def after_step(self, epoch: int, steps: int) -> None:
        """Saves if it is time, then reports. epoch: from 0. steps: taken in it. Raises Paused if it must end.

        Processes that train together also save before an evaluation: they do not end within one, and who asked them to
        end may kill them before it is over.
        """
        protocol, wish = self.state.protocol, self._wish()
        evaluates = self.ranks.together and protocol.detection is None and steps == protocol.steps_per_epoch
        if wish is not Wish.GO_ON or evaluates:
            self.hooks.meet()
            self.save()
        if wish is Wish.STOP:
            raise self.paused(f"after step {steps} of {protocol.steps_per_epoch} of epoch {epoch + 1}")
        done = epoch * protocol.steps_per_epoch + steps
        self.hooks.report(Progress(epoch, protocol.epochs, done, protocol.epochs * protocol.steps_per_epoch))

    def watched(self, batches: Iterable[T], epoch: int) -> Iterator[T]:
        """The same batches, of the evaluation after an epoch (from 0). Raises Paused after a batch if it is to end."""
        for batch in batches:
            yield batch
            self.after_evaluation_batch(epoch)

    def after_evaluation_batch(self, epoch: int) -> None:
        """If the run is to end, saves the state after the last step and raises Paused.

        The evaluation is done anew when the run goes on. Processes that train together do not end here, since their
        numbers of evaluation batches may differ. They end after a step or an epoch.
        """
        if not self.ranks.together and self.hooks.plan.wish() is Wish.STOP:
            self._save()
            raise self.paused(f"in the evaluation after epoch {epoch + 1}")

    def after_epoch(self) -> None:
        """Saves, then reports. Raises Paused where the run is to end, but not after the last epoch: then only the
        record is left to do."""
        protocol, finished = self.state.protocol, len(self.state.curve)
        self.hooks.meet()
        self.save()
        if finished < protocol.epochs and self._wish() is Wish.STOP:
            raise self.paused(f"after epoch {finished} of {protocol.epochs}")
        done, whole = (epochs * protocol.steps_per_epoch for epochs in (finished, protocol.epochs))
        point = self.state.curve[-1]
        error = point.test_top1_error_pct if isinstance(point, CurvePoint) else None
        self.hooks.report(Progress(finished, protocol.epochs, done, whole, error, train_loss=point.train_loss))

    def save(self) -> None:
        """Saves the present state."""
        with self._turn():
            self._save()

    def paused(self, place: str, reason: str = "") -> Paused:
        """The error that ends a run. place: where in the run, in words. reason: if the plan has none."""
        return Paused(f"paused {place} ({self.hooks.plan.stop.reason or reason}); the same command goes on from there")

    def _wish(self) -> Wish:
        """The strongest wish of all processes."""
        return Wish(self.ranks.most(self.hooks.plan.wish().value))

    def _save(self) -> None:
        self.hooks.save(self.state.snapshot(self.optimizer))
        self.hooks.plan.saved()
