"""Lightning's loggers by name: where they write, what they hold after an interruption, and what is refused."""

import csv

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from senet_lab.cli.runs import TrainingOptions
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.records.curves import read_curve
from senet_lab.records.store import Store
from senet_lab.training.loggers import folder_of, make_loggers
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.stopping import Paused, SavePlan, StopSign
from tests.smallest import run

RUN = run()


def mine(of, folder):
    """A logger of one's own."""
    return CSVLogger(folder, name=f"seed {of.seed}")


def nothing(of, folder):
    """No logger."""


def lines_of(folder):
    """Every line of every part, by step."""
    found = []
    for path in sorted(folder.rglob("metrics.csv")):
        with open(path, newline="") as file:
            found += list(csv.DictReader(file))
    return [(int(line["step"]), float(line["epoch"]), float(line["test_loss"])) for line in found]


@pytest.mark.parametrize(("epochs", "step"), [(1, 0), (0, 3), (2, 9)])
def test_a_run_that_went_on_is_logged_by_the_steps_of_the_run(tmp_path, epochs, step):
    """Stopped after an epoch of three steps, or before the evaluation of the first or the last: all parts together hold
    the whole curve, a line an epoch."""
    store, source = Store(tmp_path), open_source(RUN.cell.protocol, torch.device("cpu"))
    settings, stop = Settings(loggers=("csv",)), StopSign()

    def report(progress):
        evaluated = progress.top1_error_pct is not None
        if (progress.epoch, progress.step if not evaluated else 0) == (epochs, step) and evaluated == (step == 0):
            stop.ask("a test")

    with pytest.raises(Paused):
        make(RUN, source, store, settings, report, SavePlan(stop))
    record = make(RUN, source, store, settings, silent)
    curve = read_curve(store.path(RUN, "curves", ".csv"))

    assert record.provenance.executor == "lightning"
    losses = [pytest.approx(point.test_loss, abs=1e-5) for point in curve]
    assert lines_of(folder_of(RUN, tmp_path)) == [(2, 0, losses[0]), (5, 1, losses[1]), (8, 2, losses[2])]


def test_a_logger_of_ones_own_is_called_with_run_and_folder(tmp_path):
    """By module and function; it lies where the others write."""
    (logger,) = make_loggers([f"{__name__}:mine"], RUN, tmp_path)

    assert logger.log_dir.startswith(str(folder_of(RUN, tmp_path) / "seed 0"))


@pytest.mark.parametrize(
    ("name", "said"), [("nothing", "gives a NoneType; it must be a logger"), ("other", "AttributeError")]
)
def test_what_makes_no_logger_is_one_line(tmp_path, name, said):
    """With the name that the user gave."""
    with pytest.raises(StudyError, match=f"--logger {__name__}:{name}.*{said}"):
        make_loggers([f"{__name__}:{name}"], RUN, tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loggers": ("tensorbord",)}, "no logger is called 'tensorbord': csv, tensorboard, wandb, mlflow, or module"),
        ({"loggers": ("csv",), "executor": "device"}, "--executor device does not use"),
    ],
)
def test_loggers_that_cannot_be_are_refused_before_training(options, said):
    """A name that is not known, and an executor that has none."""
    with pytest.raises(StudyError, match=said):
        TrainingOptions("cpu", **options).settings()


def test_a_logger_whose_package_is_not_here_says_what_to_install(monkeypatch):
    """The extra of this project, or the package."""
    monkeypatch.setattr("senet_lab.training.settings.find_spec", lambda name: None)
    for name, said in (("tensorboard", r"\.\[loggers\]"), ("wandb", "pip install wandb")):
        with pytest.raises(StudyError, match=said):
            TrainingOptions("cpu", loggers=(name,)).settings()


def test_a_logger_asks_for_lightning():
    """Small images are otherwise trained by the device loop."""
    options = TrainingOptions("cpu", loggers=("csv",))

    assert options.settings().executor_for(RUN.cell) is Executor.LIGHTNING
    assert Settings().executor_for(RUN.cell) is Executor.DEVICE
