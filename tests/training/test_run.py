"""A run becomes a record with the files and the provenance of what trained it."""

import itertools
import time
from dataclasses import replace

import pytest
import torch

from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.models.registry import build_model
from senet_lab.records import publish as publishing
from senet_lab.records.curves import curve_of
from senet_lab.records.record import Status
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training import provenance
from senet_lab.training.checkpoint import CheckpointError
from senet_lab.training.final_weights import load_final_weights, weights_path
from senet_lab.training.progress import silent
from senet_lab.training.provenance import Revision
from senet_lab.training.run import make
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.stopping import Paused, SavePlan, StopSign
from tests.smallest import cell, run
from tests.tensors import assert_same_tensors
from tests.tiny import AUGMENTED

SMALL = replace(AUGMENTED, name="small", train_images=12, batch_size=4, test_images=8, epochs=2)
RUN, OTHER = run(protocol=SMALL), run(1, protocol=SMALL)


@pytest.fixture(scope="module")
def source():
    """The data of the small protocol."""
    return open_source(SMALL, torch.device("cpu"))


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """A store with the uninterrupted run, and its record."""
    store = Store(tmp_path_factory.mktemp("whole"))
    return store, make(RUN, source, store, Settings(), silent)


def checkpoint_of(store, of=RUN):
    return store.path(of, "cache/checkpoints", ".safetensors")


def stopped(source, store, step, settings=Settings(), of=RUN):  # noqa: B008 - frozen
    """Trains a run up to a step."""
    stop = StopSign()
    with pytest.raises(Paused) as pause:
        make(
            of,
            source,
            store,
            settings,
            lambda progress: stop.ask("a test") if progress.step == step - 1 else None,
            SavePlan(stop),
        )
    return pause.value


def weights(of, store):
    model = build_model(of.cell.backbone, of.cell.se, 10, of.seed)
    load_final_weights(model, of, store)
    return model.state_dict()


def test_a_record_says_what_trained_it(whole):
    """One part with every step, by the revision of the process, with the processor's instructions."""
    record = whole[1]
    (part,) = record.provenance.parts

    assert part.steps == SMALL.epochs * SMALL.steps_per_epoch == 6
    assert (part.revision, part.dirty) == tuple(provenance.revision())
    assert (part.cpu, part.cpu_flags, part.threads) == (provenance.cpu_name(), provenance.cpu_flags(), 1)
    assert record.provenance.versions == part.versions
    assert record == whole[0].read(RUN)


def test_a_run_leaves_its_files_and_no_checkpoint(whole):
    """Curve and weights are those that the record names."""
    store, record = whole

    assert [point.epoch for point in curve_of(record, store)] == [1, 2]
    assert min(point.test_top1_error_pct for point in curve_of(record, store)) == record.best_top1_error_pct
    assert weights(RUN, store).keys() == build_model(RUN.cell.backbone, RUN.cell.se, 10).state_dict().keys()
    assert not checkpoint_of(store).exists()


def test_a_run_does_not_go_on_with_other_data(source, tmp_path, monkeypatch):
    """As where its machine has other photos under the same name: its record would claim that it saw only these."""
    store = Store(tmp_path)
    stopped(source, store, 2)
    before = checkpoint_of(store).read_bytes()
    monkeypatch.setattr(source, "sha256", source.sha256 | {"train": "0" * 64})

    with pytest.raises(CheckpointError, match=r"was trained on other data than are here \(train\): go on where those"):
        make(RUN, source, store, Settings(), silent)
    assert checkpoint_of(store).read_bytes() == before


@pytest.mark.parametrize("executor", [Executor.DEVICE, Executor.LIGHTNING])
def test_every_revision_that_trained_a_part_is_recorded(executor, source, whole, tmp_path, monkeypatch):
    """Stopped within the first epoch and gone on by another revision: said, recorded, and the same bits."""
    store, notes = Store(tmp_path), []
    stopped(source, store, 2, Settings(executor=executor))
    monkeypatch.setattr(provenance, "revision", lambda: Revision("feed", True))
    record = make(RUN, source, store, Settings(executor=executor), lambda p: notes.append(p.note) if p.note else None)
    first, second = record.provenance.parts

    assert (first.steps, second.steps) == (2, 4)
    assert (second.revision, second.dirty) == ("feed", True) == (record.provenance.revision, record.provenance.dirty)
    assert "revision " in notes[0]
    assert " -> feed" in notes[0]
    assert record.correct_top1 == whole[1].correct_top1
    assert_same_tensors(weights(RUN, whole[0]), weights(RUN, store))


def test_going_on_under_the_same_circumstances_is_one_part(source, tmp_path):
    """An interruption alone is nothing to tell."""
    store, notes = Store(tmp_path), []
    pause = stopped(source, store, 5)
    record = make(RUN, source, store, Settings(), lambda p: notes.append(p.note) if p.note else None)

    assert "after step 2 of 3 of epoch 2" in str(pause)
    assert [part.steps for part in record.provenance.parts] == [6]
    assert notes == []


def test_a_checkpoint_of_another_seed_is_not_trained_on(source, tmp_path):
    """Copied to the place of another run, it is refused by name, and stays."""
    store = Store(tmp_path)
    stopped(source, store, 2)
    checkpoint_of(store, OTHER).parent.mkdir(parents=True, exist_ok=True)
    checkpoint_of(store).rename(checkpoint_of(store, OTHER))

    with pytest.raises(CheckpointError, match=r"seed-1.safetensors holds no checkpoint .* \(its seed is 0, not 1\)"):
        make(OTHER, source, store, Settings(), silent)
    assert checkpoint_of(store, OTHER).exists()
    assert store.read(OTHER) is None


def test_a_damaged_checkpoint_is_said_and_not_trained_over(source, tmp_path):
    """Half of a file costs no silent start from the beginning: the user decides."""
    store = Store(tmp_path)
    stopped(source, store, 5)
    data = checkpoint_of(store).read_bytes()
    checkpoint_of(store).write_bytes(data[: len(data) // 2])

    with pytest.raises(CheckpointError, match="delete it to train this run from its start"):
        make(RUN, source, store, Settings(), silent)


def test_where_another_was_first_its_record_and_files_stand(source, whole, tmp_path, monkeypatch):
    """The later of two processes returns the record that stands, and leaves its curve and weights alone."""
    store = Store(tmp_path)
    first = make(RUN, source, store, Settings(), silent)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"}
    looks = []

    def read(self, of, whole=Store.read):
        looks.append(of)
        return None if len(looks) == 1 else whole(self, of)  # not yet when it looks, but when it writes

    monkeypatch.setattr(Store, "read", read)
    told = []
    second = make(RUN, source, store, Settings(threads=1, executor=Executor.LIGHTNING), told.append)

    assert len(looks) > 1
    assert second == first
    assert told[-1].note == "another worker recorded this run first; its record, curve and weights stand"
    assert {path: path.read_bytes() for path in kept} == kept


def test_what_a_kill_left_is_repaired_by_the_next_command(source, whole, tmp_path, monkeypatch):
    """Killed when its record stood and its files waited: they take their places, and the checkpoint goes."""

    class Killed(BaseException):
        """As SIGKILL, for a test."""

    store = Store(tmp_path)

    def killed(*words):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "put_in_place", killed)
        with pytest.raises(Killed):
            make(RUN, source, store, Settings(), silent)
    record = store.read(RUN)
    assert checkpoint_of(store).exists()
    assert curve_of(record, store) == []
    publishing.tidy(store, [RUN])

    assert not checkpoint_of(store).exists()
    assert len(curve_of(record, store)) == 2
    assert_same_tensors(weights(RUN, whole[0]), weights(RUN, store))


def test_a_run_that_diverges_says_where_and_with_what(tmp_path, monkeypatch):
    """The record of a failed run has the parts and the time of its steps. Each look at the clock takes a second."""
    monkeypatch.setattr(time, "perf_counter", itertools.count().__next__)
    wild = replace(SMALL, schedule=replace(SMALL.schedule, peak_lr=1e30, warmup_steps=0))
    record = make(
        Run(cell=cell(wild), seed=0), open_source(wild, torch.device("cpu")), Store(tmp_path), Settings(), silent
    )

    assert record.status is Status.FAILED
    assert "in epoch 1" in record.failure
    assert [part.steps for part in record.provenance.parts] == [3]
    assert record.provenance.train_seconds > 0
    assert not list(tmp_path.rglob("*.csv"))


def test_final_weights_of_another_run_are_not_looked_at(whole, source, tmp_path):
    """Missing, damaged, or of another seed: one line that names the file."""
    store = Store(tmp_path)
    model = build_model(RUN.cell.backbone, RUN.cell.se, 10)
    with pytest.raises(StudyError, match="is missing: final weights stay"):
        load_final_weights(model, RUN, store)
    place = weights_path(OTHER, store)
    place.parent.mkdir(parents=True)
    data = weights_path(RUN, whole[0]).read_bytes()
    place.write_bytes(data)
    with pytest.raises(CheckpointError, match="its seed is 0, not 1"):
        load_final_weights(model, OTHER, store)
    place.rename(weights_path(RUN, store))
    load_final_weights(model, RUN, store)
    weights_path(RUN, store).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CheckpointError, match="the digest of its tensors does not fit"):
        load_final_weights(model, RUN, store)
