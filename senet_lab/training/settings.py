"""Settings: how runs are trained. This file does not import torch, because workers need it before they load torch."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from senet_lab.errors import StudyError, to_install
from senet_lab.machine import compiled_code_folder, cores
from senet_lab.study.cell import Cell

LONG_RUN_STEPS = 3_000  # for fewer steps, compiling takes longer than it saves

LOGGERS = {  # name -> the package that it needs
    "csv": "",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
}


class Executor(StrEnum):
    """What drives the training of a run."""

    AUTO = "auto"  # the device loop for images in memory, Lightning for photos
    LIGHTNING = "lightning"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Settings:
    """How runs are trained. Settings are no part of a run's cell.

    device: "cpu" or "cuda" (optionally with an index). threads: CPU threads of one run. The last bits of a run on a
    CPU depend on them, so they are set and do not depend on how many runs share the machine. compiled: None decides by
    the length of the run. photos: the folder of a user's own photos. skip_damaged: whether damaged training photos are
    left out. at_once: the most images that pass through the network together, for a device that cannot hold its part
    of a batch. trunks: the file that names weights for the trunks of detectors. trunk_results: the folder with the
    recorded runs whose weights trunks begin with; None for the folder that is trained into. extensions: files and
    modules of a user's own, which every process loads (``senet_lab.extensions``). loggers: Lightning's, by name
    (``senet_lab.training.loggers``). loaders: how many processes load photos for each process that trains; None for as
    many as there are cores for them.
    """

    device: str = "cpu"
    threads: int = 1
    executor: Executor = Executor.AUTO
    compiled: bool | None = None
    photos: Path | None = None
    skip_damaged: bool = False
    at_once: int | None = None
    trunks: Path | None = None
    trunk_results: Path | None = None
    extensions: tuple[str, ...] = ()
    loggers: tuple[str, ...] = ()
    loaders: int | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether runs train on a GPU, which several threads of one process share."""
        return self.device != "cpu"

    def without_compiling(self) -> "Settings":
        """The same settings without compiling."""
        return replace(self, compiled=False)

    def side_by_side(self, runs: int) -> "Settings":
        """The settings of each of several runs that share a CPU's cores: it has its part of the processes that load
        photos, unless their number is set."""
        if self.on_gpu or runs == 1 or self.loaders is not None:
            return self
        return replace(self, loaders=max(1, cores() // runs - self.threads))

    def executor_for(self, cell: Cell) -> Executor:
        """The executor that drives a cell. Raises StudyError where the chosen one cannot drive it."""
        if self.executor is Executor.DEVICE and cell.protocol.detection is not None:
            raise StudyError(f"{cell.protocol.name} trains detectors, which Lightning drives; leave --executor out")
        if self.executor is not Executor.AUTO:
            return self.executor
        return Executor.LIGHTNING if self.loggers or cell.protocol.dataset.of_photos else Executor.DEVICE

    def compiles(self, cell: Cell) -> bool:
        """Whether the network of a cell is compiled."""
        if cell.protocol.detection is not None:
            return False  # photos differ in size, and each new size would be compiled again
        if self.compiled is not None:
            return self.compiled
        return cell.protocol.epochs * cell.protocol.steps_per_epoch >= LONG_RUN_STEPS


def refuse_loggers(names: Sequence[str], executor: Executor) -> None:
    """Raises StudyError for a logger that is not known or not installed, and for an executor without loggers."""
    if names and executor is Executor.DEVICE:
        raise StudyError("--logger needs Lightning, which --executor device does not use; leave one of them out")
    for name in names:
        module, colon, function = name.partition(":")
        if name not in LOGGERS and not (colon and module and function.isidentifier()):
            raise StudyError(f"no logger is called {name!r}: {', '.join(LOGGERS)}, or module:function of your own")
        if package := LOGGERS.get(name):
            hint = to_install("loggers") if package == "tensorboard" else f"{sys.executable} -m pip install {package}"
            try:
                missing = find_spec(package) is None
            except ValueError:
                missing = True
            if missing:
                raise StudyError(f"--logger {name} needs the package {package}: {hint}")


def prepare_child(settings: Settings) -> None:
    """Sets the environment variables that a process started next reads when it begins and when it loads torch.

    Raises StudyError where other users may write to the folder for compiled code.
    """
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    os.environ["GLIBC_TUNABLES"] = with_huge_pages(os.environ.get("GLIBC_TUNABLES", ""))
    # Compiled code for a CPU depends on the number of threads, but names in the compiler's cache do not.
    name = f"inductor-{settings.device.partition(':')[0]}-{settings.threads}"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(compiled_code_folder(name))
    if settings.on_gpu:
        os.environ["CUDA_DEVICE_MAX_CONNECTIONS"] = "32"  # as many as there are streams; by default they share eight


def with_huge_pages(tunables: str) -> str:
    """These values of GLIBC_TUNABLES, with huge pages for large memory if they do not choose the pages themselves.

    A training step on a CPU passes through hundreds of MiB. With pages of 4 KiB, looking them up takes a tenth of its
    time. Only glibc from 2.35 on reads this setting.
    """
    if "glibc.malloc.hugetlb" in tunables:
        return tunables
    return ":".join(filter(None, (tunables, "glibc.malloc.hugetlb=1")))
