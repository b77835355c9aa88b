"""How many runs train side by side on this machine."""

from collections.abc import Sequence
from pathlib import Path

from senet_lab.machine import available_bytes, cores
from senet_lab.study.cell import Cell, Run
from senet_lab.training.settings import Executor, Settings

PLENTY = 8 << 30  # bytes for a worker; more than any run on small images needs


def workers_for(settings: Settings, runs: Sequence[Run], results: Path) -> int:
    """How many of these runs train side by side; at least one.

    On a CPU each run needs memory, and a core for each of its threads. On a GPU a short measurement finds the number;
    its log goes to ``results``. Runs that Lightning drives on a GPU train one by one.
    """
    if not runs:
        return 1
    cells = list({run.cell.key: run.cell for run in runs}.values())
    if not settings.on_gpu:
        return max(1, min(len(runs), with_memory(cells, cores() // settings.threads)))
    if any(settings.executor_for(cell) is Executor.LIGHTNING for cell in cells):
        return 1
    from senet_lab.fleet.gpu_capacity import measured

    return measured(cells, settings, len(runs), results / "cache" / "logs" / "capacity.log")


def with_memory(cells: Sequence[Cell], most: int) -> int:
    """How many runs of these cells fit into the memory: at most ``most``, at least one."""
    available = available_bytes()
    photos = any(cell.protocol.dataset.of_photos for cell in cells)
    if most < 2 or (not photos and available >= most * PLENTY):
        return most
    from senet_lab.fleet.memory import needed_bytes

    return max(1, min(most, available // needed_bytes(cells)))
