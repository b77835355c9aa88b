"""Training on a folder of photos through the fleet, where each run has loader processes of its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ablations.protocols import IMAGENET_100EP
from senet_lab.data.loader_processes import loader_processes
from senet_lab.data.own_photos import own_photos
from senet_lab.fleet.fleet import train_all
from senet_lab.records.store import Store
from senet_lab.training.settings import Settings
from tests.tiny import run

from .test_fleet import Listener

CONSTANT = replace(IMAGENET_100EP.schedule, milestones=())
RECIPE = replace(IMAGENET_100EP, image_size=32, resize=36, batch_size=2, epochs=1, schedule=CONSTANT, precision="fp32")


@pytest.fixture
def photos(tmp_path):
    """Two classes with two training photos and one validation photo each."""
    generator = np.random.default_rng(0)
    for split, number in (("train", 2), ("val", 1)):
        for name in ("cat", "dog"):
            folder = tmp_path / "pets" / split / name
            folder.mkdir(parents=True)
            for index in range(number):
                pixels = generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.jpg")
    return tmp_path / "pets"


@pytest.mark.slow
def test_a_worker_has_loader_processes(tmp_path, photos):
    """Two steps on photos, and their evaluation, end in a record: a worker may start processes of its own."""
    of, store, watched = run(0, own_photos(RECIPE, photos)), Store(tmp_path / "results"), Listener()

    assert loader_processes(torch.device("cpu")) > 0
    assert train_all([of], store, Settings(photos=photos), 1, watched) == []
    record = store.read(of)
    assert record is not None
    assert record.provenance.executor == "lightning"
    assert len(record.correct_top1) == 2
    assert {2} == {progress.steps for progress in watched.progress}
