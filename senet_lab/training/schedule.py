"""The learning rate: a pure function of the step, and for plateau schedules also of the validation losses so far."""

import math
from collections.abc import Sequence

from senet_lab.study.protocol import Protocol
from senet_lab.study.schedule import Decay, Schedule


def learning_rate(protocol: Protocol, step: int, validation_losses: Sequence[float] = ()) -> float:
    """The rate of step ``step`` (from 0). validation_losses: of the epochs before it, for plateau schedules."""
    schedule = protocol.schedule
    if step < schedule.warmup_steps:
        reached = (step + 1) / schedule.warmup_steps if schedule.warmup_ramp else 0.0
        return schedule.warmup_lr + reached * (schedule.peak_lr - schedule.warmup_lr)
    if schedule.decay is Decay.COSINE:
        total = protocol.epochs * protocol.steps_per_epoch
        done = (step - schedule.warmup_steps) / max(1, total - schedule.warmup_steps)
        return schedule.peak_lr * (1 + math.cos(math.pi * done)) / 2
    if schedule.decay is Decay.STEPS:
        drops = (round(milestone * protocol.steps_per_epoch) for milestone in schedule.milestones)
        passed = sum(step >= drop for drop in drops)
    else:
        passed = plateau_drops(schedule, validation_losses)
    return schedule.peak_lr * schedule.factor**passed


def plateau_drops(schedule: Schedule, validation_losses: Sequence[float]) -> int:
    """How often the rate has dropped. It drops when ``patience`` epochs in a row gave no lower loss than the best."""
    drops = waited = 0
    best = math.inf
    for loss in validation_losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited >= schedule.patience and drops < schedule.drops:
            drops, waited = drops + 1, 0
    return drops
