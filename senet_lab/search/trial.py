"""Trains the networks of one trial, and evaluates them on held-out images."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from senet_lab.data.batches import BatchSource
from senet_lab.data.open import open_source
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.records.cost import machine_name
from senet_lab.records.curves import CurvePoint
from senet_lab.search.space import guessing_error_pct
from senet_lab.study.cell import Cell, canonical_json
from senet_lab.study.protocol import Protocol
from senet_lab.study.schedule import Decay, Schedule
from senet_lab.training import device_loop
from senet_lab.training.checkpoint import Checkpoint
from senet_lab.training.epoch import Diverged
from senet_lab.training.numerics import set_switches
from senet_lab.training.progress import Progress, silent
from senet_lab.training.provenance import device_name
from senet_lab.training.run_state import Hooks
from senet_lab.training.step import make_optimizer, training_loss

WARM_UP_STEPS, TIMED_STEPS = 3, 15
SAY_SECONDS = 10.0  # least time between two lines about one training
ANY_SCHEDULE = Schedule(decay=Decay.COSINE, peak_lr=0.0)
AfterEpoch = Callable[[int, float], None]  # epoch from 1, error in percent so far


def ignore(epoch: int, error_pct: float) -> None:
    """Does nothing after an epoch."""


class _Pace:
    """Says every SAY_SECONDS how far a training is, and how long it takes on."""

    def __init__(self, tell: Callable[[str], None], cell: Cell, seed: int) -> None:
        self.tell, self.what = tell, f"{cell.protocol.name}, {'plain' if cell.se is None else 'SE'}, seed {seed}"
        self.begun = self.said = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now, done = time.monotonic(), progress.step / progress.steps
        if now - self.said >= SAY_SECONDS and done:
            self.said = now
            left = int((now - self.begun) / done * (1 - done))
            self.tell(f"{self.what}: {100 * done:.0f} % trained, {left // 60}:{left % 60:02} left")


class Trainer:
    """Trains cells on one device. Each data set is opened once. tell: prints a line on how far a training is."""

    def __init__(self, device: torch.device, threads: int, tell: Callable[[str], None] | None = None) -> None:
        set_switches(threads)
        self.device, self.tell = device, tell
        self.machine = machine_name(device_name(device), threads)
        self._opened: dict[str, BatchSource] = {}

    def error_pct(self, cell: Cell, seeds: Sequence[int], after_epoch: AfterEpoch = ignore) -> list[float]:
        """The final top-1 error in percent of each seed, on the protocol's evaluation images.

        A seed that diverged has the error of guessing. after_epoch: called with the epoch and the error.
        """
        return [self._train(cell, seed, after_epoch) for seed in seeds]

    def _train(self, cell: Cell, seed: int, after_epoch: AfterEpoch) -> float:
        model = channels_last(build_cell(cell, seed)).to(self.device)

        def save(state: Checkpoint) -> None:
            point = state.curve[-1]
            assert isinstance(point, CurvePoint)  # searches train classifiers only
            after_epoch(len(state.curve), point.test_top1_error_pct)

        report = _Pace(self.tell, cell, seed) if self.tell else silent
        try:
            trained = device_loop.train(
                model, self._data(cell.protocol), cell.protocol, seed, hooks=Hooks(save=save, report=report)
            )
        except Diverged:
            return guessing_error_pct(cell.protocol)
        return trained.curve[-1].test_top1_error_pct

    def step_seconds(self, cell: Cell) -> float:
        """The median time of a training step on one batch in seconds, without compilation."""
        protocol = cell.protocol
        model = channels_last(build_cell(cell)).to(self.device).train()
        optimizer = make_optimizer(model, protocol)
        images, labels = next(iter(self._data(protocol).training_batches(0, 0)))
        seconds = []
        for _ in range(WARM_UP_STEPS + TIMED_STEPS):
            started = time.perf_counter()
            optimizer.zero_grad()
            loss, _ = training_loss(model, images, labels, protocol)
            torch.autograd.backward(loss)
            optimizer.step()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds[WARM_UP_STEPS:])

    def _data(self, protocol: Protocol) -> BatchSource:
        """The protocol's data. Protocols that differ only in name, schedule and weight decay share it."""
        name = canonical_json(replace(protocol, name="any", schedule=ANY_SCHEDULE, weight_decay=0.0))
        if name not in self._opened:
            self._opened[name] = open_source(protocol, self.device)
        return self._opened[name]
