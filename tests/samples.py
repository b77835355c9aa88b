"""Small values that tests share: a protocol, a table of two rows, and records with the errors one asks for."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from senet_lab.records.curves import CurvePoint, curve_csv
from senet_lab.records.files import replace_file
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.record import Provenance, Record, Status, TrainedPart, to_json
from senet_lab.records.store import Store
from senet_lab.study import Cell, Protocol, Row, Run, Schedule, SESpec, Table
from senet_lab.study.conventions import Operation
from senet_lab.study.counts import Counts
from senet_lab.study.protocol import Crop, Dataset
from senet_lab.study.schedule import Decay

IMAGES = 1_000  # one wrong image is 0.1 points
PROTOCOL = Protocol(
    name="sample",
    title="a sample",
    departures=("it is never trained",),
    dataset=Dataset.CIFAR10,
    num_classes=10,
    image_size=32,
    train_images=100,
    test_images=IMAGES,
    evaluation_split="test",
    batch_size=20,
    epochs=2,
    schedule=Schedule(decay=Decay.COSINE, peak_lr=0.05),
)
SYNTHETIC = replace(PROTOCOL, name="made-up", dataset=Dataset.SYNTHETIC, crop=Crop.NONE, crop_padding=0, flip=False)
SE = Cell(backbone="cifar_resnet11_bottleneck", se=SESpec(), protocol=PROTOCOL)
PLAIN = replace(SE, se=None)
TABLE = Table(
    edition="cvpr2018",
    number="99",
    topic="sample",
    caption="A sample",
    baseline="plain",
    rows=(Row("plain", PLAIN), Row("SE", SE)),
    companions={},
)
PROVENANCE = Provenance(
    revision="0123456789abcdef",
    dirty=False,
    device="a processor",
    threads=1,
    executor="device",
    compiled=False,
    versions={"python": "3.11"},
    data_sha256={"train": "aa", "test": "bb"},
    train_seconds=12.5,
    finished_at="2026-01-02T03:04:05+00:00",
)
PART = TrainedPart(
    steps=10,
    revision="0123456789abcdef",
    dirty=False,
    device="a processor",
    cpu="a processor",
    cpu_flags=("avx2", "fma"),
    threads=1,
    executor="device",
    compiled=False,
    versions={"python": "3.11", "torch": "2.11.0"},
)


def counted(trainable: int, statistics: int, multiply_adds: int) -> Counts:
    """Counts of a network whose whole work is in its convolutions."""
    work = {kind: 0 for kind in Operation} | {Operation.WEIGHTS: multiply_adds}
    return Counts(trainable, statistics, work)


def finished(cell: Cell = SE, seed: int = 0, wrong: int = 200) -> Record:
    """A finished run with this many of the IMAGES wrong, half as many outside the first five."""
    top1, top5 = (ImageBits.of(np.arange(IMAGES) >= count) for count in (wrong, wrong // 2))
    return Record(
        run=Run(cell=cell, seed=seed),
        status=Status.FINISHED,
        failure=None,
        top1_error_pct=top1.error_pct,
        top5_error_pct=top5.error_pct,
        best_top1_error_pct=top1.error_pct,
        correct_top1=top1,
        correct_top5=top5,
        trainable=1_234,
        multiply_adds=5_678,
        provenance=PROVENANCE,
    )


def failed(cell: Cell = SE, seed: int = 0) -> Record:
    """A run that diverged."""
    return Record(
        run=Run(cell=cell, seed=seed),
        status=Status.FAILED,
        failure="the loss is nan at step 7",
        top1_error_pct=None,
        top5_error_pct=None,
        best_top1_error_pct=None,
        correct_top1=None,
        correct_top5=None,
        trainable=1_234,
        multiply_adds=5_678,
        provenance=PROVENANCE,
    )


def altered(record: Record, **body: object) -> str:
    """The text of a record with entries of its file replaced and its digest made to fit again."""
    from senet_lab.records.record import _digest

    data = json.loads(to_json(record)) | body
    data.pop("digest")
    return json.dumps(data | {"digest": _digest(data)}, sort_keys=True, indent=1) + "\n"


def filled(root: Path, *records: Record, epochs: int = 0) -> Store:
    """A store with these records, with a curve of so many epochs for each."""
    store = Store(root)
    for record in records:
        if epochs:
            curve = [_point(epoch) for epoch in range(1, epochs + 1)]
            replace_file(store.path(record.run, "curves", ".csv"), curve_csv(curve))
        store.write(record)
    return store


def curve_of_two() -> list[CurvePoint]:
    """Two epochs."""
    return [_point(epoch) for epoch in (1, 2)]


def _point(epoch: int) -> CurvePoint:
    return CurvePoint(
        epoch=epoch,
        learning_rate=0.05 / epoch,
        train_loss=2.0 / epoch,
        train_top1_error_pct=80.0 / epoch,
        test_loss=1.5 / epoch,
        test_top1_error_pct=60.0 / epoch,
        test_top5_error_pct=20.0 / epoch,
        seconds=6.25,
    )


def one_line(text: str) -> str:
    """The only line of a text."""
    (line,) = text.splitlines()
    return line


def comparisons_of(table: Table, sources, claims=(), numbers=(), counts=None):
    """The comparisons of a table's views, as a report takes them."""
    from senet_lab.report.views import measured_views

    return [comparison_of(view, numbers, counts, claims) for view in measured_views(table, sources)]


def comparison_of(view, numbers=(), counts=None, claims=()):
    """The rows of a view beside the published ones, with the verdicts."""
    from senet_lab.report.comparison import compare
    from senet_lab.report.published import published_table

    return compare(view, claims, published_table(view.paper, numbers), counts or {})


def report_of_views(table: Table, sources, claims=(), numbers=(), counts=None):
    """The report of a table from these sources of records."""
    from senet_lab.report.published import published_table
    from senet_lab.report.table_report import report_of

    comparisons = comparisons_of(table, sources, claims, numbers, counts)
    return report_of(published_table(table, numbers), counts or {}, comparisons)


def block_of(view, numbers=(), counts=None):
    """The comparison of a view as a block, without claims."""
    from senet_lab.report.tables import comparison_block

    return comparison_block(comparison_of(view, numbers, counts))
