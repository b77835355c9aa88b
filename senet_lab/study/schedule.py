"""Schedule: how the learning rate rises and falls during a run."""

from dataclasses import dataclass
from enum import StrEnum

from senet_lab.study.values import convert_fields


class Decay(StrEnum):
    """How the learning rate falls."""

    STEPS = "steps"  # multiplied by `factor` at each milestone
    COSINE = "cosine"  # to zero over the whole length
    PLATEAU = "plateau"  # multiplied by `factor` when the validation loss stops falling


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The learning rate by optimiser step.

    peak_lr: the rate after warm-up. milestones: epochs at which the rate falls; fractions are allowed, so that steps
    can be given exactly. factor: the rate is multiplied by it. warmup_steps: optimiser steps before the peak; the rate
    is warmup_lr, or rises from it to the peak where warmup_ramp is set. patience: for a plateau, epochs without a lower
    validation loss before the rate falls. drops: how often it falls.
    """

    decay: Decay
    peak_lr: float
    milestones: tuple[float, ...] = ()
    factor: float = 0.1
    warmup_steps: int = 0
    warmup_lr: float = 0.0
    warmup_ramp: bool = False
    patience: int = 0
    drops: int = 0

    def __post_init__(self) -> None:
        convert_fields(self)

    def mistake(self, epochs: int) -> str | None:
        """What cannot be meant in a run of so many epochs; None where all can."""
        steps_fall, on_plateaus = self.decay is Decay.STEPS, self.decay is Decay.PLATEAU
        rises = sorted(set(self.milestones)) == list(self.milestones)
        within = all(0 < milestone < epochs for milestone in self.milestones)
        for name, fits, text in (
            ("peak_lr", self.peak_lr > 0, "above 0"),
            ("warmup_lr", self.warmup_lr >= 0, "0 or more"),
            ("warmup_steps", self.warmup_steps >= 0, "0 or more"),
            ("factor", 0 < self.factor < 1, "above 0 and below 1"),
            ("milestones", steps_fall or not self.milestones, f"empty: the decay is {self.decay.value!r}"),
            ("milestones", rises and within, f"epochs in rising order, above 0 and below the run's {epochs}"),
            ("patience", self.patience >= 1 if on_plateaus else not self.patience, _plateau_alone(self.decay)),
            ("drops", self.drops >= 1 if on_plateaus else not self.drops, _plateau_alone(self.decay)),
        ):
            if not fits:
                return f"schedule.{name} is {getattr(self, name)}; it must be {text}"
        return None


def _plateau_alone(decay: Decay) -> str:
    return "1 or more" if decay is Decay.PLATEAU else f"0: the decay is {decay.value!r}"
