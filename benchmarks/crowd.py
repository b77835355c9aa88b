"""Steps a second of runs that share a GPU, measured as the fleet trains them.

They have a process of their own. The environment of the fleet's workers is set before it loads torch, their switches
before it computes.
"""

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection

from benchmarks import ours
from senet_lab import processes
from senet_lab.fleet.gpu_capacity import Crowd
from senet_lab.study import Cell, SESpec
from senet_lab.training.numerics import set_switches
from senet_lab.training.settings import Settings, prepare_child


def crowd_rates(backbone: str, batch: int, device: str, sizes: Sequence[int]) -> dict[int, float]:
    """Steps a second of SE networks for each number of runs in ``sizes``, as ``Crowd.rates``, in bf16 and compiled.

    Raises RuntimeError where the process ends without an answer; its message is above.
    """
    settings = Settings(device)
    prepare_child(settings)
    here, there = multiprocessing.Pipe()
    process = processes.start(_measure, (there, settings, backbone, batch, sizes))
    there.close()
    try:
        found: dict[int, float] = here.recv()
    except EOFError:
        raise RuntimeError("the runs side by side ended before they were measured; see the message above") from None
    finally:
        processes.end(process)
    return found


def _measure(connection: Connection, settings: Settings, backbone: str, batch: int, sizes: Sequence[int]) -> None:
    set_switches(settings.threads)
    recipe = ours.protocol(batch, "bf16")
    cell = Cell(backbone=backbone, se=SESpec(), protocol=recipe)
    connection.send(Crowd(cell, ours.resident(recipe, settings.device), compiled=True).rates(sizes))
