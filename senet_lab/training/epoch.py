"""The parts of an epoch that both executors share: its evaluation, its sums, its point in the curve, divergence."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.models.stochastic import set_stochastic_seed
from senet_lab.records.curves import CurvePoint, Point
from senet_lab.records.gate_health import GateHealth
from senet_lab.study.cell import derive_seed
from senet_lab.study.protocol import Protocol
from senet_lab.training.gate_health import GateMeter
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.schedule import learning_rate
from senet_lab.training.step import evaluate


def begin_epoch(model: nn.Module, seed: int, epoch: int) -> None:
    """Sets training mode, and seeds the network's own random parts for this epoch (from 0)."""
    model.train()
    set_stochastic_seed(model, derive_seed(seed, "stochastic", epoch))


class Diverged(Exception):
    """The loss of an epoch is not finite. steps, seconds: of training until then."""

    steps = 0
    seconds = 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of N images. loss: the mean cross entropy. hits_N2: whether each image is right at top-1 and at
    top-5, bool, in canonical order. gates: the health of each block."""

    loss: float
    hits_N2: Tensor
    gates: tuple[GateHealth, ...] = ()

    def gates_after(self, epoch: int) -> list[GateHealth]:
        """The gates' health, labelled with this epoch (from 1)."""
        return [replace(one, epoch=epoch) for one in self.gates]

    def error_pct(self, column: int) -> float:
        """The top-1 error (column 0) or top-5 error (column 1) in percent."""
        right = int(self.hits_N2[:, column].sum())
        return round(100 * (1 - right / len(self.hits_N2)), 4)


def evaluate_all(model: nn.Module, batches: Iterable[Batch], protocol: Protocol, ranks: Ranks = ALONE) -> Evaluation:
    """One pass over the evaluation images in evaluation mode. The model's mode is restored. Raises as ``collect``."""
    ranks.take_statistics(model)
    training = model.training
    model.eval()
    gates = GateMeter(model)
    with gates.listening():
        results = [evaluate(model, images, labels, protocol) for images, labels in batches]
    model.train(training)
    return collect(results, protocol, gates, ranks)


def collect(
    results: Sequence[tuple[Tensor, Tensor]], protocol: Protocol, gates: GateMeter | None = None, ranks: Ranks = ALONE
) -> Evaluation:
    """Joins the results of ``evaluate`` over all batches of all processes, and the gates that were met in them.

    Raises RuntimeError where these are more or fewer images than the protocol evaluates.
    """
    hits, losses = (ranks.rows(torch.cat(found)) for found in zip(*((hit, loss) for loss, hit in results), strict=True))
    if len(hits) != protocol.test_images:
        raise RuntimeError(f"evaluated {len(hits)} images where {protocol.name} has {protocol.test_images}")
    if gates is not None:
        gates.take_in(ranks)
    return Evaluation(float(losses.double().mean()), hits, gates.health() if gates else ())


@dataclass(frozen=True, slots=True)
class EpochSums:
    """Sums over the steps of an epoch so far. loss: the sum of the batches' mean losses, exactly as the device's fp32
    has it. wrong: images that are wrong at top-1."""

    steps: int = 0
    images: int = 0
    loss: float = 0.0
    wrong: int = 0
    seconds: float = 0.0  # since the epoch began


class EpochMeter:
    """Sums of one epoch, kept on the device until its end. begun: the sums of steps before this process started."""

    def __init__(self, device: torch.device, begun: EpochSums | None = None) -> None:
        begun = begun or EpochSums()
        self._loss = torch.tensor(begun.loss, device=device, dtype=torch.float32)
        self._wrong = torch.tensor(begun.wrong, device=device, dtype=torch.int64)
        self._steps, self._images = begun.steps, begun.images
        self._started = time.perf_counter() - begun.seconds

    @property
    def steps(self) -> int:
        """How many steps were added."""
        return self._steps

    def sums(self) -> EpochSums:
        """The sums so far; waits for the device."""
        seconds = time.perf_counter() - self._started
        return EpochSums(self._steps, self._images, float(self._loss), int(self._wrong), seconds)

    def add(self, loss: Tensor, wrong: Tensor, images: int) -> None:
        """Adds one step; nothing is read back from the device."""
        self.add_all(loss.detach(), wrong, 1, images)

    def add_all(self, loss: Tensor, wrong: Tensor, steps: int, images: int) -> None:
        """Adds the sums over several steps."""
        self._loss += loss
        self._wrong += wrong
        self.count(steps, images)

    def count(self, steps: int, images: int) -> None:
        """Counts steps and images alone. The device adds their losses and errors to the scalars of ``keep_sums_in``."""
        self._steps += steps
        self._images += images

    def keep_sums_in(self, loss: Tensor, wrong: Tensor) -> None:
        """Keeps the sums in these scalars from now on. They are set to the sums so far."""
        self._loss, self._wrong = loss.copy_(self._loss), wrong.copy_(self._wrong)

    def point(self, epoch: int, rate: float, evaluation: Evaluation) -> CurvePoint:
        """The point of the curve for this epoch (from 1). Raises Diverged where a loss is not finite."""
        sums = self.sums()
        losses = {"training loss": sums.loss / sums.steps, "test loss": evaluation.loss}
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise Diverged(f"the {name} is {loss} in epoch {epoch}")
        return CurvePoint(
            epoch=epoch,
            learning_rate=rate,
            train_loss=round(losses["training loss"], 6),
            train_top1_error_pct=round(100 * sums.wrong / sums.images, 4),
            test_loss=round(evaluation.loss, 6),
            test_top1_error_pct=evaluation.error_pct(0),
            test_top5_error_pct=evaluation.error_pct(1),
            seconds=round(sums.seconds, 3),
        )


def rate_at(protocol: Protocol, step: int, curve: Sequence[Point]) -> float:
    """The learning rate of a step (from 0) of a run. curve: of the run so far, for plateau schedules."""
    return learning_rate(protocol, step, [point.test_loss for point in curve if isinstance(point, CurvePoint)])
