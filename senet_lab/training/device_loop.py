"""The device loop: an executor for small images. Batches are made where the network is; nothing waits for the host
inside an epoch."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeGuard

import torch
from torch import nn

from senet_lab.data.batches import BatchSource
from senet_lab.data.resident import ResidentData
from senet_lab.models.stochastic import is_stochastic
from senet_lab.records.curves import CurvePoint
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, put, take
from senet_lab.training.compiled import compiled_network
from senet_lab.training.epoch import EpochMeter, Evaluation, begin_epoch, evaluate_all, rate_at
from senet_lab.training.gate_health import warn
from senet_lab.training.progress import Progress, Report
from senet_lab.training.replays import Replays
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer, set_learning_rate, training_loss
from senet_lab.training.turns import TURNS

Save = Callable[[Checkpoint], None]


def train(
    model: nn.Module,
    data: BatchSource,
    protocol: Protocol,
    seed: int,
    *,
    resume: Checkpoint | None,
    save: Save,
    report: Report,
    compiled: bool,
) -> tuple[list[CurvePoint], Evaluation]:
    """Trains to the end of the protocol, from a checkpoint where there is one; saves after every epoch.

    Returns the curve and the final evaluation. Raises Diverged.
    """
    optimizer = make_optimizer(model, protocol)
    if resume is not None:
        put(resume, model, optimizer)
    with ExitStack() as ends:
        steps = _steps(model, optimizer, data, protocol, compiled, ends)
        return _train(steps, model, optimizer, data, protocol, seed, resume, save, report)


def _train(
    steps: "Steps",
    model: nn.Module,
    optimizer: torch.optim.SGD,
    data: BatchSource,
    protocol: Protocol,
    seed: int,
    resume: Checkpoint | None,
    save: Save,
    report: Report,
) -> tuple[list[CurvePoint], Evaluation]:
    curve = list(resume.curve) if resume else []
    gates = list(resume.gates) if resume else []
    seconds = resume.seconds if resume else 0.0
    evaluation = None
    for epoch in range(len(curve), protocol.epochs):
        started = time.perf_counter()
        meter = EpochMeter(data.device)
        begin_epoch(model, seed, epoch)
        first = epoch * protocol.steps_per_epoch
        rates = [rate_at(protocol, first + index, curve) for index in range(protocol.steps_per_epoch)]
        for index in steps(seed, epoch, rates, meter):
            report(Progress(epoch, protocol.epochs, first + index + 1, protocol.epochs * protocol.steps_per_epoch))
        with TURNS.shared():
            evaluation = evaluate_all(model, data.test_batches(), protocol)
        curve.append(meter.point(epoch + 1, rates[-1], evaluation))
        seconds += time.perf_counter() - started
        health = evaluation.gates_after(epoch + 1)
        warn(health, gates)
        gates += health
        with TURNS.shared():
            save(take(model, optimizer, curve, seconds, gates))
        done, whole = (n * protocol.steps_per_epoch for n in (epoch + 1, protocol.epochs))
        report(Progress(epoch + 1, protocol.epochs, done, whole, curve[-1].test_top1_error_pct))
    return curve, evaluation or evaluate_all(model, data.test_batches(), protocol)


Steps = Callable[[int, int, Sequence[float], EpochMeter], Iterator[int]]


def captures(data: BatchSource, model: nn.Module) -> TypeGuard[ResidentData]:
    """Whether the steps of a run become a CUDA graph. Networks with random parts do not: their streams live on the
    host."""
    return data.device.type == "cuda" and isinstance(data, ResidentData) and not is_stochastic(model)


def _steps(
    model: nn.Module, optimizer: torch.optim.SGD, data: BatchSource, protocol: Protocol, compiled: bool, ends: ExitStack
) -> Steps:
    """The way through an epoch: yields the index of each step after it was given to the device.

    ends: where it leaves what is to be done when the run ends.
    """
    if captures(data, model):
        replays = Replays(StaticEpoch(model, optimizer, data, compiled))
        ends.callback(replays.close)
        return replays
    network = compiled_network(model) if compiled else model

    def plain(seed: int, epoch: int, rates: Sequence[float], meter: EpochMeter) -> Iterator[int]:
        for index, (images, labels) in enumerate(data.training_batches(seed, epoch)):
            set_learning_rate(optimizer, rates[index])
            loss, wrong = training_loss(network, images, labels, protocol)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            meter.add(loss, wrong, len(labels))
            yield index

    return plain
