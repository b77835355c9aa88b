"""Records of detectors with the AP that one asks for."""

from dataclasses import replace

import numpy as np

from senet_lab.records.precision import RESAMPLES, AveragePrecision, packed
from senet_lab.records.record import Record, Status
from senet_lab.study import Cell, Protocol, Row, Run, Schedule, SESpec, Table
from senet_lab.study.detection import Detection
from senet_lab.study.protocol import Crop, Dataset
from senet_lab.study.schedule import Decay
from tests.samples import PROVENANCE

PHOTOS = 50
PROTOCOL = Protocol(
    name="boxes",
    title="a sample with boxes",
    departures=("it is never trained",),
    dataset=Dataset.COCO,
    num_classes=2,
    image_size=48,
    train_images=20,
    test_images=PHOTOS,
    evaluation_split="minival",
    crop=Crop.NONE,
    crop_padding=0,
    batch_size=2,
    epochs=2,
    schedule=Schedule(decay=Decay.STEPS, peak_lr=0.01, milestones=(1.0,)),
    detection=Detection(head="pyramid", train="train2017", test="val2017", longest=64),
)
SE = Cell(backbone="resnet50", se=SESpec(bias=True), protocol=PROTOCOL)
PLAIN = replace(SE, se=None)
TABLE = Table(
    edition="tpami",
    number="98",
    topic="boxes",
    caption="A sample with boxes",
    baseline="plain",
    rows=(Row("plain", PLAIN), Row("SE", SE)),
    companions={},
)


def precision(ap: float, spread: float = 1.0, own: int = 0, photos: int = PHOTOS) -> AveragePrecision:
    """AP in percent, its resamples around it; those of equal ``own`` scatter alike."""
    noise = np.random.default_rng([7, own]).normal(0, spread, RESAMPLES)
    return AveragePrecision(
        ap_pct=ap,
        ap50_pct=min(100.0, 1.5 * ap),
        ap75_pct=ap,
        ap_small_pct=None,
        ap_medium_pct=ap,
        ap_large_pct=ap,
        photos=photos,
        boxes=123,
        resamples=packed((ap + noise).clip(0, 100)),
    )


def detector(cell: Cell, seed: int, found: AveragePrecision | None) -> Record:
    """A finished run, or a failed one."""
    return Record(
        run=Run(cell=cell, seed=seed),
        status=Status.FAILED if found is None else Status.FINISHED,
        failure="the training loss is nan in epoch 1" if found is None else None,
        top1_error_pct=None,
        top5_error_pct=None,
        best_top1_error_pct=None,
        correct_top1=None,
        correct_top5=None,
        trainable=1234,
        multiply_adds=5678,
        provenance=PROVENANCE,
        precision=found,
    )
