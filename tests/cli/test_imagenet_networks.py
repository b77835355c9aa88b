"""Every network of the ImageNet tables trains on photos: two steps, an evaluation, a record."""

from dataclasses import replace

import pytest

from ablations.protocols import IMAGENET_100EP
from senet_lab.data.own_photos import own_photos
from senet_lab.models.registry import image_size, model_names
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, SESpec
from senet_lab.study.protocol import Precision
from senet_lab.training.progress import silent
from senet_lab.training.run import make, open_data
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
    schedule=replace(IMAGENET_100EP.schedule, peak_lr=1e-4, milestones=()),  # a batch of three allows no more
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


def trained(senet_lab, folder, name):
    """The record of a network by the command, on six photos in batches of three; fails with what was said."""
    class_folders(folder / "pets", train=2, test=1)
    (folder / "mine.py").write_text(TABLE.replace("NAME", name).replace("SIZE", "224" if name == "vgg16" else "96"))
    status, _, err = senet_lab("train", "mine.py", "--protocol", "paper", "--data", "pets", "--device", "cpu")

    assert status == 0, err
    (record,) = Store(folder / "results").read_all()
    return record


def facts(record):
    """Failure, steps, executor, and how many images were evaluated."""
    part = record.provenance.parts[0]
    return record.failure, part.steps, record.provenance.executor, len(record.correct_top1)


def test_a_network_of_imagenet_trains(tmp_path):
    """The smallest, in this process: a command loads all packages in a worker, which takes longer than the rest."""
    photos = class_folders(tmp_path / "pets", train=2, test=1)
    recipe = replace(IMAGENET_100EP, image_size=96, resize=96, batch_size=3, epochs=1, precision=Precision.FP32)
    # A batch of three allows no higher rate.
    recipe = replace(recipe, schedule=replace(recipe.schedule, peak_lr=1e-4, milestones=()))
    run = Run(cell=Cell(backbone=QUICK, se=SESpec(bias=True), protocol=own_photos(recipe, photos)), seed=0)
    settings = Settings(photos=photos)
    record = make(run, open_data(run, settings, {}), Store(tmp_path / "results"), settings, silent)

    assert facts(record) == (None, 2, "lightning", 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_imagenet_trains_through_the_command(senet_lab, tmp_path, name):
    """As large as they are."""
    assert facts(trained(senet_lab, tmp_path, name)) == (None, 2, "lightning", 3)
