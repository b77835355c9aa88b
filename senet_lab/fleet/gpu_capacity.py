"""How many runs one GPU trains side by side: found by a short measurement, bounded by its memory."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import torch

from senet_lab.data.open import open_source
from senet_lab.data.resident import ResidentData
from senet_lab.models.registry import build_model, channels_last
from senet_lab.models.stochastic import is_stochastic
from senet_lab.study.cell import Cell, Run
from senet_lab.training.numerics import set_switches
from senet_lab.training.settings import Settings
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer

STEPS = 30  # replays of each graph in a measurement
GAIN = 1.05  # what doubling must bring to go on
SHARE = 0.8  # of the free memory that runs may take
MOST = 64


class Crowd:
    """Runs of one cell on one GPU, a captured graph and a stream each, that do nothing but steps."""

    def __init__(self, cell: Cell, data: ResidentData, compiled: bool) -> None:
        self.cell, self.data, self.device = cell, data, data.device
        self.compiled = compiled
        self._runs: list[tuple[torch.cuda.Stream, Callable[[], None], StaticEpoch]] = []

    def add(self) -> int:
        """One more run; returns how many bytes it took."""
        before = self.free()
        cell, protocol, seed = self.cell, self.cell.protocol, len(self._runs)
        model = channels_last(build_model(cell.backbone, cell.se, protocol.num_classes, seed)).to(self.device).train()
        static = StaticEpoch(model, make_optimizer(model, protocol), self.data, self.compiled)
        self._runs.append((torch.cuda.Stream(self.device), static.captured(), static))
        torch.cuda.synchronize(self.device)
        return before - self.free()

    def rate(self) -> float:
        """Steps a second, all runs together."""
        steps = min(STEPS, self.cell.protocol.steps_per_epoch)
        for _, _, static in self._runs:
            static.begin(0, 0, [0.0] * self.cell.protocol.steps_per_epoch)
        torch.cuda.synchronize(self.device)
        begun = time.perf_counter()
        for _ in range(steps):
            for stream, replay, _ in self._runs:
                with torch.cuda.stream(stream):
                    replay()
        torch.cuda.synchronize(self.device)
        return steps * len(self._runs) / (time.perf_counter() - begun)

    def free(self) -> int:
        """Bytes that the device has left."""
        return torch.cuda.mem_get_info(self.device)[0]

    def rates(self, sizes: Sequence[int]) -> dict[int, float]:
        """Steps a second with so many runs, in rising order, as far as memory goes."""
        found, each = {}, 0
        for size in sizes:
            if each * (size - len(self._runs)) > SHARE * self.free():
                break
            while len(self._runs) < size:
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


def measured(run: Run, settings: Settings, most: int) -> int:
    """The number of runs like this one after which more bring no more steps a second on the device; 1 where that cannot
    be measured. It is measured in a process of its own, whose memory the device has back afterwards."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, run, settings, most), daemon=True)
    process.start()
    theirs.close()
    try:
        found: int = ours.recv()
    except EOFError:
        found = 1
    process.join()
    return found


def _measure(connection: Connection, run: Run, settings: Settings, most: int) -> None:
    set_switches()
    cell = run.cell
    data = open_source(cell.protocol, torch.device(settings.device))
    probe = build_model(cell.backbone, cell.se, cell.protocol.num_classes, device="meta")
    if not isinstance(data, ResidentData) or is_stochastic(probe):
        connection.send(1)
        return
    crowd = Crowd(cell, data, settings.compiles(cell))
    connection.send(doubled(crowd.add, crowd.rate, crowd.free, min(most, MOST)))
