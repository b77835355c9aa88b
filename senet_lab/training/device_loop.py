"""The device loop: an executor for small images. Batches are made where the network is; nothing waits for the host
inside an epoch."""

import time
from collections.abc import Callable

from torch import nn

from senet_lab.data.source import BatchSource
from senet_lab.records.store import CurvePoint
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, put, take
from senet_lab.training.epoch import EpochMeter, Evaluation, begin_epoch, compiled_network, evaluate_all, rate_at
from senet_lab.training.gate_health import warn
from senet_lab.training.progress import Progress, Report
from senet_lab.training.step import make_optimizer, set_learning_rate, training_loss

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
    curve = list(resume.curve) if resume else []
    gates = list(resume.gates) if resume else []
    seconds = resume.seconds if resume else 0.0
    network = compiled_network(model) if compiled else model
    evaluation = None
    for epoch in range(len(curve), protocol.epochs):
        started = time.perf_counter()
        meter = EpochMeter(data.device)
        begin_epoch(model, seed, epoch)
        rate = 0.0
        for index, (images, labels) in enumerate(data.training_batches(seed, epoch)):
            step = epoch * protocol.steps_per_epoch + index
            rate = rate_at(protocol, step, curve)
            set_learning_rate(optimizer, rate)
            loss, wrong = training_loss(network, images, labels, protocol)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            meter.add(loss, wrong, len(labels))
            report(Progress(epoch, protocol.epochs, step + 1, protocol.epochs * protocol.steps_per_epoch))
        evaluation = evaluate_all(model, data.test_batches(), protocol)
        curve.append(meter.point(epoch + 1, rate, evaluation))
        seconds += time.perf_counter() - started
        health = evaluation.gates_after(epoch + 1)
        warn(health, gates)
        gates += health
        save(take(model, optimizer, curve, seconds, gates))
        steps = (epoch + 1) * protocol.steps_per_epoch
        report(
            Progress(
                epoch + 1,
                protocol.epochs,
                steps,
                protocol.epochs * protocol.steps_per_epoch,
                curve[-1].test_top1_error_pct,
            )
        )
    return curve, evaluation or evaluate_all(model, data.test_batches(), protocol)
