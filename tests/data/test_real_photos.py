"""Real photos train end to end: reduced sets in folders that the environment names, declared as what they are."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ablations import cvpr2018_table5_places365 as table5
from ablations.protocols import IMAGENETTE
from senet_lab.data.open import open_source
from senet_lab.data.own_photos import own_photos
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, SESpec
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Executor, Settings

SHORT = {"image_size": 64, "resize": 72, "epochs": 1, "batch_size": 30}
SHORT_TRAINING = 6  # photos a class


def folder(variable: str) -> Path:
    """The folder that a variable names; without it the test is left out."""
    if variable not in os.environ:
        pytest.skip(f"needs ${variable}, a folder with train/<class>/ and val/<class>/")
    return Path(os.environ[variable])


def trained(place: Path, root: Path, recipe, backbone: str):
    """The record of one short run on a folder."""
    protocol = own_photos(replace(recipe, **SHORT, train_images_per_class=SHORT_TRAINING), place)
    data = open_source(protocol, torch.device("cpu"), folder=place)
    run = Run(cell=Cell(backbone=backbone, se=SESpec(bias=True), protocol=protocol), seed=0)
    return make(run, data, Store(root), Settings(executor=Executor.DEVICE), silent)


@pytest.mark.data
@pytest.mark.slow
def test_places_photos_train_the_networks_of_table_5(tmp_path):
    """SE-ResNet-152 by the recipe of Places365, on a reduced set that is named as itself."""
    row = table5.TABLE.row("SE-ResNet-152")
    place = folder("SENET_LAB_PLACES_PHOTOS")
    schedule = replace(row.cell.protocol.schedule, milestones=(), peak_lr=0.01)
    record = trained(place, tmp_path, replace(row.cell.protocol, schedule=schedule), row.cell.backbone)

    assert record.run.cell.protocol.data_name == f"folder {place.name}"
    assert record.failure is None
    assert record.run.cell.protocol.num_classes == 10


@pytest.mark.data
@pytest.mark.slow
def test_a_reduced_imagenette_trains_by_its_recipe(tmp_path):
    """SE-ResNet-50 itself, on a set that is smaller than Imagenette and does not have its name."""
    place = folder("SENET_LAB_IMAGENETTE_PHOTOS")
    record = trained(place, tmp_path, IMAGENETTE, "resnet50")

    assert record.run.cell.protocol.data_name == f"folder {place.name}" != "imagenette"
    assert record.failure is None
