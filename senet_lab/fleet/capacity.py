"""How many runs train side by side on this machine."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from senet_lab.errors import StudyError
from senet_lab.machine import available_bytes, cores
from senet_lab.study.cell import Cell, Run
from senet_lab.training.settings import Executor, Settings

PLENTY = 8 << 30  # bytes for a worker; more than any run on small images needs


def workers_for(settings: Settings, runs: Sequence[Run], results: Path) -> int:
    """How many of these runs train side by side; at least one.

    On a CPU each run needs memory, and a core for each of its threads. On a GPU a short measurement finds the number;
    its log goes to ``results``, unless the runs train one by one there (``reason_for_one``).
    """
    if not runs:
        return 1
    cells = list({run.cell.key: run.cell for run in runs}.values())
    if not settings.on_gpu:
        return max(1, min(len(runs), with_memory(cells, cores() // settings.threads, settings)))
    if reason_for_one(settings, cells):
        return 1
    from senet_lab.fleet.gpu_capacity import measured

    return measured(cells, settings, len(runs), results / "cache" / "logs" / "capacity.log")


def reason_for_one(settings: Settings, cells: Iterable[Cell]) -> str:
    """Why runs of these cells train one by one on a GPU, as words after "runs"; empty where they do not.

    Only runs whose steps become CUDA graphs train side by side there. Others call compiled code at every step, which
    PyTorch refuses while another thread compiles.
    """
    if not settings.on_gpu:
        return ""
    for cell in cells:
        if settings.executor_for(cell) is Executor.LIGHTNING:
            return "that Lightning drives"
        if cell.protocol.dataset.of_photos:
            return "on photos"
    return "with --at-once" if settings.at_once is not None else ""


def refuse_workers(settings: Settings, runs: Sequence[Run], workers: int) -> None:
    """Raises StudyError where these runs cannot train side by side, and more than one worker is asked for."""
    if workers > 1 and (reason := reason_for_one(settings, {run.cell.key: run.cell for run in runs}.values())):
        raise StudyError(f"on a GPU runs {reason} train one by one; leave --workers out")


def with_memory(cells: Sequence[Cell], most: int, settings: Settings) -> int:
    """How many runs of these cells fit into the memory: at most ``most``, at least one."""
    available = available_bytes()
    photos = any(cell.protocol.dataset.of_photos for cell in cells)
    if most < 2 or (not photos and available >= most * PLENTY):
        return most
    from senet_lab.fleet.memory import loader_bytes, needed_bytes

    alone = needed_bytes(cells, settings.at_once)
    for runs in range(most, 1, -1):
        loading = loader_bytes(settings.side_by_side(runs).loaders) if photos else 0
        if runs * (alone + loading) <= available:
            return runs
    return 1
