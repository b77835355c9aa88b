"""Every network of the ImageNet tables trains on photos through the command: two steps, an evaluation, a record."""

import pytest
import torch

from senet_lab.cli.catalogue import find_table
from senet_lab.cli.studies import study_of
from senet_lab.data.open import open_source
from senet_lab.models.registry import image_size, model_names
from senet_lab.records.store import Store
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Settings
from tests.data.pictures import class_folders

TABLE = """
from dataclasses import replace
from ablations.protocols import IMAGENET_100EP
from senet_lab.study import Cell, Row, SESpec, Table
from senet_lab.study.protocol import Precision

SHORT = replace(
    IMAGENET_100EP,
    name="short",
    image_size=SIZE,
    resize=SIZE,
    batch_size=3,
    schedule=replace(IMAGENET_100EP.schedule, peak_lr=1e-4),  # a batch of three allows no more
    epochs=1,
    precision=Precision.FP32,
)
CELL = Cell(backbone="NAME", se=SESpec(bias=True), protocol=SHORT)
TABLE = Table(
    edition="mine", number="1", topic="mine", caption="Mine", baseline="se", rows=(Row("se", CELL),), companions={}
)
"""
NAMES = [name for name in model_names() if image_size(name) > 200]
QUICK = "shufflenet"


def study(folder, name):
    """Six photos, and a file with a table that trains a network on them in batches of three; the file's name."""
    class_folders(folder / "pets", train=2, test=1)
    (folder / "mine.py").write_text(TABLE.replace("NAME", name).replace("SIZE", "224" if name == "vgg16" else "96"))
    return "mine.py"


def facts(record):
    """Failure, steps, executor, and how many images were evaluated."""
    part = record.provenance.parts[0]
    return record.failure, part.steps, record.provenance.executor, len(record.correct_top1)


def test_a_network_of_imagenet_trains(tmp_path, monkeypatch):
    """The smallest, in this process."""
    monkeypatch.chdir(tmp_path)
    _, (run,) = study_of(find_table(study(tmp_path, QUICK)), "paper", 1, None, data=tmp_path / "pets")
    source = open_source(run.cell.protocol, torch.device("cpu"), folder=tmp_path / "pets")
    record = make(run, source, Store(tmp_path / "results"), Settings("cpu"), silent)

    assert facts(record) == (None, 2, "lightning", 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_imagenet_trains_through_the_command(senet_lab, tmp_path, name):
    """As large as they are."""
    words = ("--protocol", "paper", "--data", "pets", "--device", "cpu")
    status, _, err = senet_lab("train", study(tmp_path, name), *words)

    assert status == 0, err
    (record,) = Store(tmp_path / "results").read_all()
    assert facts(record) == (None, 2, "lightning", 3)
