"""Detectors from their data to their records: in one go, stopped in between, in parts, and on damaged photos."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from senet_lab.data import coco_data
from senet_lab.data.batches import Share
from senet_lab.data.open import open_coco
from senet_lab.errors import StudyError
from senet_lab.fleet.memory import needed_bytes
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import se_blocks
from senet_lab.records.precision import boxes_from_bytes
from senet_lab.records.publish import file_of, read_file
from senet_lab.records.record import scientific_digest
from senet_lab.records.store import Store
from senet_lab.study import Run
from senet_lab.study.protocol import Precision
from senet_lab.training.coco_evaluation import evaluated
from senet_lab.training.detector_step import take_detection_gradients
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.stopping import Paused, SavePlan, StopSign
from tests.detection.boxes import coco_folder

pytest.importorskip("pycocotools")


def opened(table, folder, **options):
    return open_coco(table.paper_protocol, torch.device("cpu"), folder=folder, **options)


def trained(table, folder, root, label="SE-small", report=silent, stop=None):
    run = Run(cell=table.row(label).cell, seed=1)
    return make(run, opened(table, folder), Store(root), Settings(photos=folder), report, SavePlan(stop))


@pytest.fixture
def read_here(monkeypatch):
    """Photos are read in this process: they are the same, and nothing is forked."""
    monkeypatch.setattr(coco_data, "loader_processes", lambda device: 0)


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """The record of a run in one go that read its photos itself, and the store that has it."""
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_data, "loader_processes", lambda device: 0)
        return trained(small.stage5, small.folder, root), Store(root)


@pytest.fixture(scope="module")
def drawn(small):
    """A detector with SE of seed 1, to be copied."""
    return build_cell(small.stage5.row("SE-small").cell, seed=1)


def test_a_detector_is_trained_and_its_ap_is_that_of_cocos_code(small, whole):
    """Two epochs of three steps. AP in the record equals pycocotools' own on the recorded boxes to 1e-9."""
    record, store = whole
    truth = opened(small.stage5, small.folder).photos["test"]
    found = boxes_from_bytes(read_file(store, record, "boxes"), "it")
    stats = evaluated(truth, found).stats

    assert store.read(record.run) == record
    assert (record.precision.photos, record.precision.boxes) == (4, len(found))
    assert record.precision.ap_pct == pytest.approx(100 * stats[0], abs=1e-9)
    assert record.precision.ap50_pct == pytest.approx(100 * stats[1], abs=1e-9)
    assert record.provenance.data_sha256["test"] == truth.digest
    assert [part.steps for part in record.provenance.parts] == [6]
    curve = file_of(store, record.run, "curve").read_text().splitlines()
    assert curve[0] == "epoch,learning_rate,train_loss,seconds"
    assert len(curve) == 3


@pytest.mark.parametrize("at", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_a_stopped_detector_goes_on_to_the_same_end(small, whole, tmp_path, at):
    """In the middle of an epoch, and after the last step with its evaluation to do: the same bits as in one go."""
    stop, (record, _) = StopSign(), whole

    def report(progress):
        if progress.step == at - 1:
            stop.ask("a test")

    with pytest.raises(Paused):
        trained(small.stage5, small.folder, tmp_path, report=report, stop=stop)
    parts = trained(small.stage5, small.folder, tmp_path)

    assert scientific_digest(parts) == scientific_digest(record)
    assert parts.files.boxes == record.files.boxes
    assert [part.steps for part in parts.provenance.parts] == [6]


def test_the_two_heads_are_built_on_one_network(small):
    """A pyramid over four stages; or, as in the 2018 edition, one map of three, and the last stage on regions."""
    pyramid, stage5 = (build_cell(table.row("SE-small").cell, device="meta") for table in (small.table, small.stage5))

    assert [len(model.backbone.stages) for model in (pyramid, stage5)] == [4, 3]
    assert any(name.startswith("box_head.stage.") for name, _ in stage5.roi_heads.named_parameters())
    assert not any("pyramid" in name for name, _ in stage5.named_parameters())
    assert [len(se_blocks(model)) for model in (pyramid, stage5)] == [4, 4]


def test_boxes_are_told_in_fp32_whatever_the_network_computes_in(small, drawn, read_here):
    """In bfloat16 places far from the border would be known to some pixels only; losses stay near those of fp32."""
    cell = small.stage5.row("SE-small").cell
    model, losses = copy.deepcopy(drawn), []
    for precision in (Precision.FP32, Precision.BF16):
        protocol = replace(cell.protocol, precision=precision)
        step = next(opened(small.stage5, small.folder).training_batches(0, 0))
        losses.append(float(take_detection_gradients(model, step, protocol, 0, (0, 0))))
    maps = model.backbone(step[0].images[0][None, :, :32, :32])
    with torch.autocast("cpu", torch.bfloat16):
        scores, shifts = model.rpn.head(list(maps.values()))

    assert losses[1] != losses[0] == pytest.approx(losses[1], rel=0.1)
    assert {one.dtype for one in (*scores, *shifts)} == {torch.float32}


def test_parts_of_a_batch_add_up_to_it(small, drawn, read_here):
    """The gradients of two processes, weighted by their parts, are those of one; each photo is looked at once."""
    protocol = replace(small.stage5.paper_protocol, batch_size=3)
    model = copy.deepcopy(drawn)

    def gradients(share):
        data = open_coco(protocol, torch.device("cpu"), folder=small.folder, share=share)
        step = next(data.training_batches(0, 0))
        take_detection_gradients(model, step, protocol, 0, (0, 0))
        found = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        model.zero_grad(set_to_none=True)
        return found, [photo for chunk in step for photo in chunk.photos]

    (whole, photos), (first, mine), (second, theirs) = map(gradients, (Share(), Share(0, 2), Share(1, 2)))

    assert [*mine, *theirs] == photos
    assert len(photos) == len(set(photos)) == 3
    for a, b, c in zip(whole, first, second, strict=True):
        torch.testing.assert_close(a, (2 * b + c) / 3, rtol=1e-4, atol=1e-5)


def test_an_epoch_is_the_same_for_every_row_and_mirrors_boxes_with_their_photos(small, read_here):
    """Photos derive from seed and epoch; a mirrored box lies where its object does."""
    data = opened(small.stage5, small.folder)
    epochs = [[chunk for step in data.training_batches(*where) for chunk in step] for where in ((0, 0), (0, 0), (0, 1))]
    orders = [[chunk.photos for chunk in epoch] for epoch in epochs]
    later = [chunk for step in data.training_batches(0, 0, first=2) for chunk in step]

    assert orders[0] == orders[1] != orders[2]
    assert [chunk.photos for chunk in later] == orders[0][4:]
    assert all(torch.equal(a.images[0], b.images[0]) for a, b in zip(epochs[0], epochs[1], strict=True))
    mirrored = 0
    for chunk in epochs[0] + epochs[2]:
        original, _ = data.photos["train"].corners(chunk.photos[0])
        for (left, top, right, bottom), label in zip(
            chunk.boxes[0].int().tolist(), chunk.labels[0].tolist(), strict=True
        ):
            inside = chunk.images[0][:, top + 4 : bottom - 4, left + 4 : right - 4].mean(dim=(1, 2))
            assert label == 1 or inside.argmax() == 2  # dogs are blue, and lie above cars
        mirrored += not np.array_equal(chunk.boxes[0].numpy(), original)
    assert 0 < mirrored < 12


def test_a_photo_without_boxes_trains_as_background(small, read_here):
    """The last photo of the training split is among the chunks, with no box."""
    data = opened(small.stage5, small.folder)
    empty = [c for step in data.training_batches(0, 0) for c in step if not len(c.boxes[0])]

    assert [chunk.photos for chunk in empty] == [(5,)]
    assert tuple(empty[0].boxes[0].shape) == (0, 4)


def test_the_same_photos_are_seen_together_in_any_number_of_processes(small, read_here):
    """They are padded to one size, which changes what is computed at the border."""
    protocol = small.stage5.paper_protocol
    pairs = replace(protocol, batch_size=6, detection=replace(protocol.detection, images_together=2))

    def seen(ranks):
        data = [open_coco(pairs, torch.device("cpu"), folder=small.folder, share=Share(r, ranks)) for r in range(ranks)]
        return [(chunk.number, chunk.photos) for one in data for chunk in one.test_batches()]

    assert seen(1) == seen(3) == [(0, (0, 1)), (1, (2, 3))]


def test_a_damaged_photo_is_named(small, tmp_path):
    """In training another one stands for it where that is asked for; in evaluation none does."""
    root = coco_folder(tmp_path / "boxes")
    protocol = small.stage5.paper_protocol
    data = opened(small.stage5, root)
    photo = root / "train" / "2.png"
    photo.write_bytes(photo.read_bytes()[:60])
    with pytest.raises(StudyError, match=r"2\.png is damaged .* --skip-damaged"):
        list(data.training_batches(0, 0))
    data.skipped.allowed = True
    steps = list(data.training_batches(0, 0))
    assert len(steps) == protocol.steps_per_epoch
    assert [*data.skipped] == [photo.name]
    other = root / "val" / "1.png"
    other.write_bytes(photo.read_bytes())
    with pytest.raises(StudyError, match="no other photo may stand for it"):
        list(data.test_batches())


def test_what_cannot_be_is_refused(small):
    """More processes than parts of a batch; the device loop; a network with three stages."""
    protocol = small.stage5.paper_protocol
    with pytest.raises(StudyError, match="has 2 parts of 1 photos in a batch; take at most 2 devices, not 3"):
        opened(small.stage5, small.folder, share=Share(0, 3))
    with pytest.raises(StudyError, match="which Lightning drives"):
        Settings(executor=Executor.DEVICE).executor_for(small.stage5.rows[0].cell)
    with pytest.raises(ValueError, match="cifar_resnet20 is no trunk of a detector"):
        build_cell(replace(small.stage5.rows[0].cell, backbone="cifar_resnet20"))
    with pytest.raises(ValueError, match="do not divide a batch"):
        replace(protocol, batch_size=3, detection=replace(protocol.detection, images_together=2))


def test_the_memory_of_a_detector_is_told(small):
    """More than a process without one, less than a machine has."""
    needed = needed_bytes([row.cell for row in small.table.rows])

    assert 800 << 20 < needed < 4 << 30
