"""Where a run stands: what executors keep beside network and optimiser, and what they do after steps and epochs."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import nn

from senet_lab.models.stochastic import stream_states
from senet_lab.records.curves import CurvePoint, DetectorPoint, Point
from senet_lab.records.gate_health import GateHealth
from senet_lab.records.precision import FoundBoxes, Precision
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
    """Saves nowhere."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a run calls: ``save`` after each epoch and as ``plan`` says within one, ``report`` after each step."""

    save: Save = keep_nothing
    report: Report = silent
    plan: SavePlan = field(default_factory=lambda: SavePlan(minutes=None))


@dataclass(frozen=True, slots=True)
class Trained:
    """The end of a run: its last state, and the evaluation of its final weights; of a detector with what it found."""

    state: Checkpoint
    evaluation: Evaluation | Precision
    found: FoundBoxes | None = None

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """One point an epoch; none of a detector."""
        return tuple(point for point in self.state.curve if isinstance(point, CurvePoint))


class RunState:
    """Curve, gates, the sums of the present epoch and the time of a run. resume: where it goes on from."""

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
        self._within = resume if resume and resume.sums else None  # the epoch that this process begins in the middle of
        self._before, self._began = resume.seconds if resume else 0.0, time.perf_counter()

    @property
    def within(self) -> Checkpoint | None:
        """The state in the middle of an epoch that this process goes on from, until that epoch is begun."""
        return self._within

    @property
    def seconds(self) -> float:
        """Trained so far, in this process and before it."""
        return self._before + time.perf_counter() - self._began

    def begin_epoch(self, epoch: int) -> int:
        """Training mode, streams and sums for an epoch (from 0); returns the index of its first step that is to do."""
        begin_epoch(self.model, self.seed, epoch)
        within, self._within = self._within, None
        if within:
            put_streams(within, self.model)
        self.meter = EpochMeter(self.device, within.sums if within else None)
        self.in_epoch = True
        return self.meter.steps

    def rate(self, epoch: int, step: int) -> float:
        """The learning rate of a step of an epoch, both from 0."""
        return rate_at(self.protocol, epoch * self.protocol.steps_per_epoch + step, self.curve)

    def end_epoch(self, epoch: int, evaluation: Evaluation) -> CurvePoint:
        """Adds an epoch (from 0) to curve and gates. Raises Diverged where a loss is not finite."""
        rate = self.rate(epoch, self.meter.steps - 1)
        try:
            point = self.meter.point(epoch + 1, rate, evaluation)
        except Diverged as error:
            error.seconds, error.steps = self.seconds, (epoch + 1) * self.protocol.steps_per_epoch
            raise
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
        """Ends an epoch that is not evaluated: it has no point in the curve."""
        self.in_epoch = False

    def snapshot(self, optimizer: torch.optim.Optimizer | None = None) -> Checkpoint:
        """The present state. Without an optimiser it holds neither weights nor momentum."""
        kept = self._within or Checkpoint({}, {}, (), 0.0)
        return Checkpoint(
            model=self.model.state_dict() if optimizer else {},
            momentum=momentum_of(self.model, optimizer) if optimizer else {},
            curve=tuple(self.curve),
            seconds=self.seconds,
            gates=tuple(self.gates),
            sums=self.meter.sums() if self.in_epoch else kept.sums,
            streams=stream_states(self.model) if self.in_epoch else kept.streams,
        )


class Follower:
    """What an executor does after each step, each batch of an evaluation and each epoch.

    turn: taken while a state is read from the device after a step or an epoch; in an evaluation there is one already.
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
        """After so many steps of an epoch (from 0): saves where it is time, then tells. Raises Paused."""
        protocol, wish = self.state.protocol, self._wish()
        if wish is not Wish.GO_ON:
            self.save()
        if wish is Wish.STOP:
            raise self.paused(f"after step {steps} of {protocol.steps_per_epoch} of epoch {epoch + 1}")
        done = epoch * protocol.steps_per_epoch + steps
        self.hooks.report(Progress(epoch, protocol.epochs, done, protocol.epochs * protocol.steps_per_epoch))

    def watched(self, batches: Iterable[T], epoch: int) -> Iterator[T]:
        """The same batches of an evaluation after an epoch (from 0). Raises Paused after the one that is at work."""
        for batch in batches:
            yield batch
            self.after_evaluation_batch(epoch)

    def after_evaluation_batch(self, epoch: int) -> None:
        """Where the run is to end, saves the state after the last step: the evaluation is made anew. Raises Paused.

        Processes that train together end after a step or an epoch: their numbers of evaluation batches may differ.
        """
        if not self.ranks.together and self.hooks.plan.wish() is Wish.STOP:
            self._save()
            raise self.paused(f"in the evaluation after epoch {epoch + 1}")

    def after_epoch(self) -> None:
        """Saves, then tells. Raises Paused, but not after the last epoch: its record is all that is left to do."""
        protocol, finished = self.state.protocol, len(self.state.curve)
        self.save()
        if finished < protocol.epochs and self._wish() is Wish.STOP:
            raise self.paused(f"after epoch {finished} of {protocol.epochs}")
        done, whole = (epochs * protocol.steps_per_epoch for epochs in (finished, protocol.epochs))
        point = self.state.curve[-1]
        error = point.test_top1_error_pct if isinstance(point, CurvePoint) else None
        self.hooks.report(Progress(finished, protocol.epochs, done, whole, error, train_loss=point.train_loss))

    def save(self) -> None:
        """Saves the state as it is now."""
        with self._turn():
            self._save()

    def paused(self, place: str, reason: str = "") -> Paused:
        """What ends a run at this place."""
        return Paused(f"paused {place} ({self.hooks.plan.stop.reason or reason}); the same command goes on from there")

    def _wish(self) -> Wish:
        """The strongest wish of all processes."""
        return Wish(self.ranks.most(self.hooks.plan.wish().value))

    def _save(self) -> None:
        self.hooks.save(self.state.snapshot(self.optimizer))
        self.hooks.plan.saved()
