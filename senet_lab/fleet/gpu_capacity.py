"""Measures how many runs one GPU should train side by side. Its memory and its streams bound the number."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import nn

from senet_lab import processes
from senet_lab.data.open import open_source
from senet_lab.data.resident import ResidentData
from senet_lab.errors import StudyError
from senet_lab.extensions import load_extension, used_by
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.models.stochastic import is_stochastic
from senet_lab.study.cell import Cell
from senet_lab.training.numerics import set_switches
from senet_lab.training.settings import Settings, prepare_child
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer

STEPS = 30  # replays of each graph in a measurement
LEAST_GAIN = 1.05  # the least factor in steps per second that makes a doubling of the runs worth it
MEMORY_SHARE = 0.8  # the part of the free memory that runs may take
MOST_RUNS = 31  # PyTorch hands out 32 streams in turn; one is left for short uses


@dataclass(frozen=True, slots=True)
class _GraphRun:
    """A run that takes steps and does nothing else."""

    stream: torch.cuda.Stream
    replay: Callable[[], None]
    static: StaticEpoch


class Crowd:
    """Runs of one cell on one GPU, each with a captured graph and a stream."""

    def __init__(self, cell: Cell, data: ResidentData, compiled: bool) -> None:
        self.cell, self.data, self.device = cell, data, data.device
        self.compiled = compiled
        self.runs: list[_GraphRun] = []

    def add(self) -> int:
        """Adds a run. Returns how many bytes of the device's memory it took."""
        before = self.free()
        cell, protocol, seed = self.cell, self.cell.protocol, len(self.runs)
        model = channels_last(build_cell(cell, seed)).to(self.device).train()
        static = StaticEpoch(model, make_optimizer(model, protocol), self.data, self.compiled)
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            self.runs.append(_GraphRun(stream, static.captured(), static))
        torch.cuda.synchronize(self.device)
        return before - self.free()

    def rate(self) -> float:
        """Steps per second of all runs together."""
        steps = min(STEPS, self.cell.protocol.steps_per_epoch)
        for run in self.runs:
            run.static.begin(0, 0, [0.0] * self.cell.protocol.steps_per_epoch)
        torch.cuda.synchronize(self.device)
        begun = time.perf_counter()
        for _ in range(steps):
            for run in self.runs:
                with torch.cuda.stream(run.stream):
                    run.replay()
        torch.cuda.synchronize(self.device)
        return steps * len(self.runs) / (time.perf_counter() - begun)

    def free(self) -> int:
        """The free bytes of the device."""
        return torch.cuda.mem_get_info(self.device)[0]

    def rates(self, sizes: Sequence[int]) -> dict[int, float]:
        """Steps per second for each number of runs in ``sizes``, in ascending order. Stops at the first number that
        needs too much memory or too many streams."""
        found, each = {}, 0
        for size in sizes:
            if size > MOST_RUNS or each * (size - len(self.runs)) > MEMORY_SHARE * self.free():
                break
            while len(self.runs) < size:
                each = max(each, self.add())
            found[size] = self.rate()
        return found


def doubled(add: Callable[[], int], rate: Callable[[], float], free: Callable[[], int], most: int) -> int:
    """Doubles the number of runs as long as the rate rises by LEAST_GAIN, memory suffices and ``most`` is not exceeded.

    Returns the last number of runs that was worth it. add: adds a run, and returns the bytes that it took. rate: steps
    per second of all runs. free: the free bytes.
    """
    each = max(1, add())
    best, found = rate(), 1
    while 2 * found <= most and found * each <= MEMORY_SHARE * free():
        for _ in range(found):
            add()
        reached = rate()
        if reached < LEAST_GAIN * best:
            break
        best, found = reached, 2 * found
    return found


def to_look_at(cell: Cell) -> nn.Module:
    """The network of a cell, to find its random parts.

    A user's code is built with values, since what it draws shows there alone. Raises StudyError for a network that
    cannot be built.
    """
    try:
        return build_cell(cell, device="cpu" if used_by(cell) else "meta")
    except ValueError as error:
        raise StudyError(str(error)) from None


def has_random_parts(cell: Cell) -> bool:
    """Whether the network of a cell draws random numbers itself in training. A CUDA graph cannot hold its step then."""
    return is_stochastic(to_look_at(cell))


def measured(cells: Sequence[Cell], settings: Settings, most: int, log: Path) -> int:
    """The number of runs of these cells beyond which the device does no more steps per second; at most ``most``.

    It is measured with the first cell, in a process of its own that frees the device's memory at its end and prints to
    ``log``. The answer is 1 where the measurement fails, where a network has random parts, and, without a measurement,
    where there is only one run.
    """
    if most < 2:
        return 1
    prepare_child(settings)
    ours, theirs = multiprocessing.Pipe()
    process = processes.start(_measure, (theirs, cells, settings, min(most, MOST_RUNS), log))
    theirs.close()
    try:
        found: int = ours.recv()
    except EOFError:
        found = 1
    processes.end(process)
    return found


def _measure(connection: Connection, cells: Sequence[Cell], settings: Settings, most: int, log: Path) -> None:
    from senet_lab.fleet.worker import redirect

    redirect(log)
    set_switches(settings.threads)
    for source in settings.extensions:
        load_extension(source)
    if any(has_random_parts(cell) for cell in cells):
        connection.send(1)
        return
    cell = cells[0]
    data = open_source(cell.protocol, torch.device(settings.device))
    assert isinstance(data, ResidentData)
    crowd = Crowd(cell, data, settings.compiles(cell))
    connection.send(doubled(crowd.add, crowd.rate, crowd.free, most))
