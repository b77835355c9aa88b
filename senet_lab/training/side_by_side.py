"""How many runs one GPU trains side by side: found by a short measurement, bounded by its memory."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from senet_lab.study.cell import Run
from senet_lab.training.settings import Settings

STEPS = 30  # replays of each graph in a measurement
GAIN = 1.05  # what doubling must bring to go on
SHARE = 0.8  # of the free memory that runs may take
MOST = 64


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
    import torch

    from senet_lab.data.resident import ResidentData
    from senet_lab.data.source import open_source
    from senet_lab.models.registry import build_model, channels_last
    from senet_lab.models.stochastic import is_stochastic
    from senet_lab.training.static_epoch import StaticEpoch
    from senet_lab.training.step import make_optimizer

    device, protocol = torch.device(settings.device), run.cell.protocol
    data = open_source(protocol, device)
    graphs: list[tuple[torch.cuda.Stream, Callable[[], None]]] = []
    kept: list[StaticEpoch] = []

    def add() -> int:
        """One more run; how much memory it took."""
        before = torch.cuda.mem_get_info(device)[0]
        seed = len(graphs)
        model = channels_last(build_model(run.cell.backbone, run.cell.se, protocol.num_classes, seed)).to(device)
        assert isinstance(data, ResidentData)
        kept.append(StaticEpoch(model.train(), model, make_optimizer(model, protocol), data, protocol))
        graphs.append((torch.cuda.Stream(device), kept[-1].captured()))
        kept[-1].begin(seed, 0, [0.0] * protocol.steps_per_epoch)
        torch.cuda.synchronize(device)
        return before - torch.cuda.mem_get_info(device)[0]

    def rate() -> float:
        """Steps a second, all runs together."""
        torch.cuda.synchronize(device)
        begun = time.perf_counter()
        for _ in range(min(STEPS, protocol.steps_per_epoch)):
            for stream, replay in graphs:
                with torch.cuda.stream(stream):
                    replay()
        torch.cuda.synchronize(device)
        return len(graphs) / (time.perf_counter() - begun)

    probe = build_model(run.cell.backbone, run.cell.se, protocol.num_classes, device="meta")
    if not isinstance(data, ResidentData) or is_stochastic(probe):
        connection.send(1)
        return
    connection.send(doubled(add, rate, lambda: torch.cuda.mem_get_info(device)[0], min(most, MOST)))


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
