"""How many runs one GPU trains side by side: found by a short measurement, bounded by its memory and its streams."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from senet_lab.data.open import open_source
from senet_lab.data.resident import ResidentData
from senet_lab.extensions import load_extension
from senet_lab.fleet import processes
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.models.stochastic import is_stochastic
from senet_lab.study.cell import Cell
from senet_lab.training.numerics import set_switches
from senet_lab.training.settings import Settings, prepare_child
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer

STEPS = 30  # replays of each graph in a measurement
GAIN = 1.05  # what doubling must bring to go on
SHARE = 0.8  # of the free memory that runs may take
MOST = 31  # PyTorch has 32 streams, which it hands out in turn; one is left to what takes one for a moment


@dataclass(frozen=True, slots=True)
class _GraphRun:
    """A run that does nothing but steps."""

    stream: torch.cuda.Stream
    replay: Callable[[], None]
    static: StaticEpoch


class Crowd:
    """Runs of one cell on one GPU, with a captured graph and a stream each."""

    def __init__(self, cell: Cell, data: ResidentData, compiled: bool) -> None:
        self.cell, self.data, self.device = cell, data, data.device
        self.compiled = compiled
        self.runs: list[_GraphRun] = []

    def add(self) -> int:
        """One more run; returns how many bytes it took."""
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
        """Steps a second, all runs together."""
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
        """Bytes that the device has left."""
        return torch.cuda.mem_get_info(self.device)[0]

    def rates(self, sizes: Sequence[int]) -> dict[int, float]:
        """Steps a second with so many runs, in rising order, as far as memory and streams go."""
        found, each = {}, 0
        for size in sizes:
            if size > MOST or each * (size - len(self.runs)) > SHARE * self.free():
                break
            while len(self.runs) < size:
                each = max(each, self.add())
            found[size] = self.rate()
        return found


def doubled(add: Callable[[], int], rate: Callable[[], float], free: Callable[[], int], most: int) -> int:
    """The number of runs at which doubling them brings less than GAIN, or at which memory or ``most`` ends.

    add: one more run, and how many bytes it took. rate: of all together. free: bytes that are left.
    """
    each = max(1, add())
    best, found = rate(), 1
    while 2 * found <= most and found * each <= SHARE * free():
        for _ in range(found):
            add()
        reached = rate()
        if reached < GAIN * best:
            break
        best, found = reached, 2 * found
    return found


def has_random_parts(cell: Cell) -> bool:
    """Whether the network of a cell draws random numbers of its own in training, so that no graph can hold its step."""
    return is_stochastic(build_cell(cell, device="meta"))


def measured(cells: Sequence[Cell], settings: Settings, most: int, log: Path) -> int:
    """The number of runs of these cells after which more bring no more steps a second on the device, at most ``most``.

    It is measured with the first cell, in a process of its own, whose memory the device has back afterwards and whose
    output goes to ``log``. One where it cannot be measured, where a network has random parts, and where there is only
    one run, which is not worth the time.
    """
    if most < 2:
        return 1
    prepare_child(settings)
    ours, theirs = multiprocessing.Pipe()
    process = processes.start(_measure, (theirs, cells, settings, min(most, MOST), log))
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
