"""A Lightning user's trainer: what the README shows trains the protocol, goes on to the same end, or is refused."""

import csv
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from senet_lab.data import resident
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.study.schedule import Decay
from senet_lab.training import lightning_module, lightning_rules
from senet_lab.training.lightning_module import SENetData, SENetModule
from tests.slow import slow_if
from tests.smallest import cell
from tests.tensors import assert_same_tensors
from tests.tiny import AUGMENTED
from tests.training.executors import train, without_time

SMALL = replace(AUGMENTED, name="small", train_images=12, batch_size=4, test_images=8, epochs=3)
CELL, STEPS = cell(SMALL), 9
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint.*"),
    pytest.mark.filterwarnings("ignore:.*dirpath has changed.*"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
]
QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


@pytest.fixture(scope="module")
def source():
    """The data of the small protocol, evaluated in four batches: more than a sanity check takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(resident.EVALUATION_BATCH, "cpu", 2)
        data = open_source(SMALL, torch.device("cpu"))
        yield data


@pytest.fixture
def rates(monkeypatch):
    """The learning rate of every step that is trained."""
    seen = []
    set_rate = lightning_module.set_learning_rate
    monkeypatch.setattr(
        lightning_module, "set_learning_rate", lambda optimizer, rate: seen.append(rate) or set_rate(optimizer, rate)
    )
    return seen


def fit(source, ckpt_path=None, of=CELL, seed=0, callbacks=(), **options):
    """What the README shows, quietly; returns the module and its trainer."""
    module = SENetModule(of, seed=seed)
    given = QUIET | {"max_epochs": of.protocol.epochs, "enable_checkpointing": bool(callbacks)} | options
    trainer = pl.Trainer(callbacks=list(callbacks), **given)
    trainer.fit(module, datamodule=SENetData(of.protocol, seed, source), ckpt_path=ckpt_path)
    return module, trainer


@pytest.fixture(scope="module")
def whole(source):
    """The uninterrupted run of a plain trainer."""
    return fit(source)[0]


def equal(module, other):
    assert without_time(module.curve) == without_time(other.curve)
    assert module.gates == other.gates
    assert_same_tensors(module.state_dict(), other.state_dict())


def test_a_plain_trainer_trains_what_the_device_loop_trains(source, whole):
    """With Lightning's sanity check before it: the same curve and the same weights, bit for bit."""
    model, trained = train("device", source, CELL)

    assert without_time(trained.curve) == without_time(whole.curve)
    assert_same_tensors(model.state_dict(), whole.model.state_dict())


def test_the_snippet_of_the_readme_runs(tmp_path, monkeypatch):
    """As it is printed, but under the small protocol, and then again from one of its own checkpoints."""
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (code,) = (part.split("```")[0] for part in readme.split("```python\n")[1:] if "SENetData" in part)
    small = "from tests.training.test_lightning import SMALL as CIFAR10"
    assert "from ablations.protocols import CIFAR10" in code
    code = code.replace("from ablations.protocols import CIFAR10", small).replace("cifar_resnet29_", "cifar_resnet11_")
    trainer = partial(pl.Trainer, accelerator="cpu", log_every_n_steps=1, enable_progress_bar=False)
    monkeypatch.setattr(pl, "Trainer", trainer)
    space = {}
    exec(code, space)
    (saved,) = tmp_path.rglob("*.ckpt")
    exec(code.replace("fit(", f"fit(ckpt_path={str(saved)!r}, model=", 1), space)

    assert [point.epoch for point in SENetModule.load_from_checkpoint(saved, cell=space["cell"]).curve] == [1, 2, 3]


@pytest.fixture(scope="module")
def checkpoints(source, tmp_path_factory):
    """Every checkpoint that Lightning can write of one run: after each step, each evaluation and each epoch.

    Lightning takes no two callbacks of equal options, of which moments are none; a mode means nothing here.
    """
    folder = tmp_path_factory.mktemp("checkpoints")
    kinds = {
        "step-{step}": {"every_n_train_steps": 1},
        "evaluated-{epoch}": {"save_on_train_epoch_end": False},
        "epoch-{epoch}": {"save_on_train_epoch_end": True, "mode": "max"},
    }
    fit(source, callbacks=[ModelCheckpoint(folder, name, save_top_k=-1, **kind) for name, kind in kinds.items()])
    return folder


NAMES = [f"step-step={step}" for step in range(1, STEPS + 1)]
NAMES += [f"{name}-epoch={epoch}" for name in ("evaluated", "epoch") for epoch in range(3)]


# Steps: the first, one within an epoch, the last of an epoch, the last but one of the run. And one of each other kind.
QUICK = ("step-step=1", "step-step=5", "step-step=6", "step-step=8", "evaluated-epoch=0", "epoch-epoch=1")


@pytest.mark.parametrize("name", [slow_if(name not in QUICK, name) for name in NAMES])
def test_a_resumed_fit_ends_as_the_whole_one(name, source, whole, checkpoints, rates):
    """From any of Lightning's checkpoints: every rate, the curve, the gates and the final weights."""
    path = checkpoints / f"{name}.ckpt"
    done = torch.load(path, weights_only=True)["global_step"]
    module, _ = fit(source, path)

    assert rates == [whole.run_state.rate(step // 3, step % 3) for step in range(done, STEPS)]
    equal(whole, module)


def test_every_checkpoint_was_written(checkpoints):
    """The list above is what Lightning writes."""
    assert {path.stem for path in checkpoints.iterdir()} == set(NAMES)


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({"limit_val_batches": 0}, []),
        ({"check_val_every_n_epoch": 2}, [2]),
        ({"val_check_interval": 0.5}, [1, 2, 3]),
        ({"val_check_interval": 2}, []),
        ({"num_sanity_val_steps": 0}, [1, 2, 3]),
    ],
)
def test_evaluations_change_no_step(options, epochs, source, whole, rates):
    """However often Lightning evaluates, batches, rates and weights are the same; an epoch has one point or none."""
    module, _ = fit(source, **options)

    assert rates == [whole.run_state.rate(step // 3, step % 3) for step in range(STEPS)]
    assert [point.epoch for point in module.curve] == epochs
    assert without_time(module.curve) == [p for p in without_time(whole.curve) if p.epoch in epochs]
    assert_same_tensors(whole.state_dict(), module.state_dict())


@pytest.mark.parametrize("options", [{"check_val_every_n_epoch": 2}, {"val_check_interval": 1}])
def test_a_resumed_fit_evaluates_as_the_whole_one(options, source, tmp_path):
    """Also where not every epoch is evaluated, or every step is."""
    steps = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    module, _ = fit(source, callbacks=[steps], **options)

    for step in (2, 6):
        resumed, _ = fit(source, tmp_path / f"step={step}.ckpt", **options)
        equal(module, resumed)


def test_a_plateau_waits_for_every_evaluation(source, tmp_path, rates):
    """Its rates follow from the curve, which a resumed run has again."""
    schedule = replace(SMALL.schedule, decay=Decay.PLATEAU, patience=1, drops=2, warmup_steps=0, milestones=())
    plateau = replace(CELL, protocol=replace(SMALL, name="plateau", schedule=schedule))
    every = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    module, _ = fit(source, of=plateau, callbacks=[every])
    expected = rates[6:]
    del rates[:]
    resumed, _ = fit(source, tmp_path / "step=6.ckpt", of=plateau)

    assert rates == expected
    equal(module, resumed)
    with pytest.raises(StudyError, match="depends on the evaluation after every epoch"):
        fit(source, of=plateau, check_val_every_n_epoch=2)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_epochs": 4}, "max_epochs=4, but its schedule ends after 3 epochs"),
        ({"max_epochs": -1, "max_steps": 10}, "its schedule ends after 3 epochs"),
        ({"accumulate_grad_batches": 2}, "would change the batch"),
        ({"gradient_clip_val": 1.0}, "would change the gradients"),
        ({"precision": "bf16-mixed"}, "the protocol sets the precision"),
        ({"overfit_batches": 1}, "would change the data"),
        ({"limit_val_batches": 0.5}, "limit_val_batches must be 0 or 1.0"),
        ({"limit_val_batches": 2}, "limit_val_batches must be 0 or 1.0"),
        ({"limit_val_batches": 1}, "limit_val_batches must be 0 or 1.0"),
    ],
)
def test_what_would_be_another_protocol_is_refused(options, text, source, whole):
    """In one line, before a step is made."""
    with pytest.raises(StudyError, match=f"small cannot be trained with this trainer: .*{text}"):
        fit(source, **options)


def test_one_batch_is_not_all_batches(source, monkeypatch):
    """Lightning means one batch by 1, and all by 1.0; a shorter epoch is told."""
    said = []
    monkeypatch.setattr(lightning_rules.LOG, "warning", lambda text, *values: said.append(text % values))
    fit(source, limit_train_batches=1, max_epochs=1)
    fit(source, limit_train_batches=1.0, max_epochs=1)

    assert said == ["limit_train_batches=1: an epoch here is shorter than one of small"]


def test_a_trained_module_is_not_trained_again(source, whole, checkpoints):
    """As where a notebook's cell is run twice; from a checkpoint the same module goes on."""
    module, _ = fit(source, max_epochs=1, limit_val_batches=0)
    again = pl.Trainer(max_epochs=3, enable_checkpointing=False, **QUIET)
    with pytest.raises(StudyError, match="this module was trained before"):
        again.fit(module, datamodule=SENetData(SMALL, 0, source))
    resumed = pl.Trainer(max_epochs=3, enable_checkpointing=False, **QUIET)
    resumed.fit(module, datamodule=SENetData(SMALL, 0, source), ckpt_path=checkpoints / "step-step=8.ckpt")

    equal(module, whole)


def test_a_checkpoint_of_another_run_is_refused(source, checkpoints):
    """Of another seed or cell, and one without our part."""
    path = checkpoints / "step-step=4.ckpt"
    with pytest.raises(StudyError, match=f"of {CELL.key} seed 0, not of {CELL.key} seed 1"):
        fit(source, path, seed=1)
    other = cell(SMALL, reduction=8)
    with pytest.raises(StudyError, match=f"of {CELL.key} seed 0, not of {other.key} seed 0"):
        fit(source, path, of=other)
    content = torch.load(path, weights_only=True)
    del content["senet_lab"]
    torch.save(content, checkpoints.parent / "without.ckpt")
    with pytest.raises(StudyError, match="has no curve"):
        fit(source, checkpoints.parent / "without.ckpt")


def test_data_of_another_seed_is_refused(source):
    """The batches are those of the module's seed."""
    trainer = pl.Trainer(max_epochs=3, enable_checkpointing=False, **QUIET)
    with pytest.raises(StudyError, match="the module is of small seed 0, its data of small seed 1"):
        trainer.fit(SENetModule(CELL), datamodule=SENetData(SMALL, 1, source))


def test_a_smoke_run_may_do_what_it_wants(source):
    """fast_dev_run makes one step and adds nothing to the curve."""
    module, trainer = fit(source, fast_dev_run=True)

    assert trainer.global_step == 1
    assert module.curve == []


def test_an_evaluation_alone_logs_the_test_columns(source, whole):
    """trainer.validate gives the numbers of the last epoch."""
    trainer = pl.Trainer(enable_checkpointing=False, **QUIET)
    (found,) = trainer.validate(whole, datamodule=SENetData(SMALL, 0, source), verbose=False)

    assert found["test_top1_error_pct"] == whole.curve[-1].test_top1_error_pct
    assert found["test_loss"] == pytest.approx(whole.curve[-1].test_loss, abs=1e-5)


class Steps(pl.Callback):
    """Counts the steps that it is told of."""

    steps = 0

    def on_train_batch_end(self, *words):
        self.steps += 1


def test_the_executor_takes_any_logger_and_callback(source, whole, tmp_path):
    """CSV has a line an epoch with the curve's numbers, a callback sees every step, and no bit changes."""
    logger, counter = CSVLogger(tmp_path), Steps()
    model, trained = train("lightning", source, CELL, logger=logger, callbacks=[counter])
    with open(next(tmp_path.rglob("metrics.csv")), newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["test_loss"]]

    assert counter.steps == STEPS
    assert [float(line["test_top1_error_pct"]) for line in lines] == [p.test_top1_error_pct for p in trained.curve]
    assert [float(line["learning_rate"]) for line in lines] == pytest.approx([p.learning_rate for p in trained.curve])
    assert without_time(trained.curve) == without_time(whole.curve)
    assert_same_tensors(model.state_dict(), whole.model.state_dict())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard's own imports
def test_tensorboard_has_the_curve(source, whole, tmp_path):
    """Its events hold every logged number of every epoch."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train("lightning", source, CELL, logger=TensorBoardLogger(tmp_path))
    (file,) = tmp_path.rglob("events.out.tfevents.*")
    found = events.EventAccumulator(str(file)).Reload()

    assert [e.value for e in found.Scalars("test_top1_error_pct")] == [p.test_top1_error_pct for p in whole.curve]
    assert {"learning_rate", "train_loss", "test_loss"} <= set(found.Tags()["scalars"])
