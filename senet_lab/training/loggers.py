"""Lightning's loggers by name, for runs that a command trains: TensorBoard, CSV, W&B, MLflow, or a user's own.

They write to <results>/cache/lightning/<protocol>/<key>/seed-<n>, outside git. Records and curves do not depend on
loggers.
"""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import loggers
from pytorch_lightning.loggers import Logger

from senet_lab.errors import StudyError
from senet_lab.study.cell import Run

PROJECT = "senet_lab"


def folder_of(run: Run, root: Path) -> Path:
    """The folder that the loggers of a run write to. root: of the results."""
    return root / "cache" / "lightning" / run.cell.protocol.name / run.cell.key / f"seed-{run.seed}"


def make_loggers(names: Sequence[str], run: Run, root: Path) -> list[Logger]:
    """The loggers of these names for one run. ``settings.refuse_loggers`` must have accepted the names.

    Raises StudyError where a user's own function fails or does not return a logger.
    """
    if not names:
        return []
    folder = folder_of(run, root)
    folder.mkdir(parents=True, exist_ok=True)
    return [_KNOWN[name](run, folder) if name in _KNOWN else _own(name, run, folder) for name in names]


def close(made: Sequence[Logger]) -> None:
    """Ends the loggers that would otherwise go on into the next run of this process."""
    for one in made:
        if isinstance(one, loggers.WandbLogger):
            one.experiment.finish()


def _title(run: Run) -> str:
    return f"{run.cell.protocol.name} {run.cell.key} seed {run.seed}"


def _csv(run: Run, folder: Path) -> Logger:
    return loggers.CSVLogger(folder, name="csv")  # an interrupted run gets a new version each time it goes on


def _tensorboard(run: Run, folder: Path) -> Logger:
    return loggers.TensorBoardLogger(folder, name="tensorboard", version="")


def _wandb(run: Run, folder: Path) -> Logger:
    name = f"{run.cell.key}-seed-{run.seed}"
    return loggers.WandbLogger(project=PROJECT, name=_title(run), id=name, resume="allow", save_dir=folder)


def _mlflow(run: Run, folder: Path) -> Logger:  # as of CSV: a new run each time an interrupted one goes on
    return loggers.MLFlowLogger(experiment_name=PROJECT, run_name=_title(run), save_dir=str(folder / "mlflow"))


_KNOWN: dict[str, Callable[[Run, Path], Logger]] = {
    "csv": _csv,
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


def _own(name: str, run: Run, folder: Path) -> Logger:
    """The logger that ``module:function`` returns when it is called with the run and its folder."""
    module, _, function = name.partition(":")
    try:
        made: Any = getattr(importlib.import_module(module), function)(run, folder)
    except Exception as error:  # whatever a user's code raises
        text = " ".join(str(error).split())[:200]
        raise StudyError(f"--logger {name}: {type(error).__name__}: {text}") from None
    if not isinstance(made, Logger):
        raise StudyError(f"--logger {name} gives a {type(made).__name__}; it must be a logger of Lightning")
    return made
