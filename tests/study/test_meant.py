"""Recipes whose values cannot be meant are refused before anything is trained with them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ablations import protocols
from senet_lab.cli.studies import study_of
from senet_lab.data.open import open_source
from senet_lab.errors import StudyError
from senet_lab.extensions.read import read_extension
from senet_lab.study import Cell, Protocol, Row, Run, Schedule, Table
from senet_lab.study.protocol import HELD_OUT
from senet_lab.training.run import open_data
from senet_lab.training.settings import Settings
from tests.samples import filled, finished
from tests.tiny import TINY

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_blocks" / "my_table.py"
CELL = Cell(backbone="cifar_resnet11_bottleneck", se=None, protocol=TINY)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"crop": "none", "crop_padding": 4}, "crop 'none' has no padding, but crop_padding is 4"),
        ({"crop": "resized-crop"}, "is for photos, not for"),
        ({"label_smoothing": 2.0}, "label_smoothing is 2.0; it must be at least 0 and below 1"),
        ({"label_smoothing": -0.5}, "label_smoothing is -0.5"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"momentum": 2.0}, "momentum is 2.0"),
        ({"crop": "pad-crop", "crop_padding": -3}, "crop_padding is -3"),
        ({"num_classes": 1}, "num_classes is 1"),
        ({"test_images": 0}, "test_images is 0"),
        ({"nesterov": True, "momentum": 0.0}, "nesterov needs a momentum above 0"),
        ({"dataset": "imagenet", "image_size": 224, "resize": 146}, "resize is 146; it must be 224 or more"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(fields, text):
    """When it is planned or its data are opened, not in a worker, and before anything is recorded."""
    with pytest.raises(ValueError, match=text):
        replace(TINY, **fields).check_meant()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"decay": "steps", "milestones": (1.0, 2.0)}, r"milestones is \(1.0, 2.0\); it must be .* below the run's 2"),
        ({"decay": "steps", "milestones": (1.5, 0.5)}, "in rising order"),
        ({"decay": "steps", "milestones": (1.0, 1.0)}, "in rising order"),
        ({"decay": "steps", "milestones": (1.0,), "factor": 1.5}, "factor is 1.5; it must be above 0 and below 1"),
        ({"decay": "steps", "milestones": (1.0,), "factor": -0.1}, "factor is -0.1"),
        ({"decay": "cosine", "milestones": (1.0,)}, "it must be empty: the decay is 'cosine'"),
        ({"decay": "cosine", "drops": 2}, "drops is 2; it must be 0: the decay is 'cosine'"),
        ({"decay": "plateau", "drops": 3}, "patience is 0; it must be 1 or more"),
        ({"decay": "plateau", "patience": 3}, "drops is 0; it must be 1 or more"),
        ({"decay": "cosine", "peak_lr": 0.0}, "peak_lr is 0.0; it must be above 0"),
        ({"decay": "cosine", "warmup_lr": -0.1}, "warmup_lr is -0.1"),
        ({"decay": "cosine", "warmup_steps": -1}, "warmup_steps is -1; it must be 0 or more"),
    ],
)
def test_a_schedule_that_does_not_fit_its_run_is_refused(fields, text):
    """A run of 2 epochs. Milestones of a longer recipe would never be reached, without a word."""
    recipe = replace(TINY, epochs=2)
    with pytest.raises(ValueError, match=text):
        replace(recipe, schedule=Schedule(**{"peak_lr": 0.1} | fields)).check_meant()


@pytest.mark.parametrize(
    ("recipe", "fields", "text"),
    [
        (protocols.IMAGENETTE, {"cutout": 32}, "cutout is 32, which photos do not have"),
        (protocols.IMAGENETTE, {"crop_padding": 4}, "crop_padding is 4, which photos do not have"),
        (
            protocols.IMAGENETTE,
            {"evaluation_split": HELD_OUT},
            "evaluation_split is 'held-out training', which photos do",
        ),
        (
            protocols.CIFAR10_SHORT,
            {"training_sizes": (24,) * 10},
            "training_sizes is .*, which images in arrays do not",
        ),
        (protocols.CIFAR10_SHORT, {"resize": 40}, "resize is 40, which images in arrays do not have"),
        (protocols.COCO_MINIVAL, {"cutout": 16}, "cutout is 16, which photos with boxes do not have"),
        (protocols.COCO_MINIVAL, {"detection": None, "image_size": 224, "crop": "resized-crop", "resize": 256}, "need"),
    ],
)
def test_what_is_not_read_for_this_kind_of_images_is_refused(recipe, fields, text):
    """A record would say that it was applied."""
    with pytest.raises(ValueError, match=text):
        replace(recipe, **fields).check_meant()


def test_every_declared_recipe_can_be_meant():
    """Also those of the example with blocks of one's own."""
    declared = [one for one in vars(protocols).values() if isinstance(one, Protocol)]
    assert len(declared) > 20
    for recipe in [*declared, *read_extension(str(EXAMPLE)).protocols]:
        recipe.check_meant()


def test_such_a_recipe_has_no_data_and_no_plan():
    """One line says what is wrong with it."""
    recipe = replace(TINY, crop="none", crop_padding=4)
    row = Row("plain", replace(CELL, protocol=recipe))
    table = Table(edition="mine", number="1", topic="t", caption="T", baseline="plain", rows=(row,), companions={})
    with pytest.raises(StudyError, match="crop 'none' has no padding"):
        open_source(recipe, torch.device("cpu"))
    with pytest.raises(StudyError, match="crop 'none' has no padding"):
        study_of(table, None, 1, None)


def test_records_of_such_a_recipe_are_still_read(tmp_path):
    """Earlier versions trained them: they are healthy, and no folder with one is unreadable."""
    record = finished(replace(CELL, protocol=replace(TINY, crop="none", crop_padding=4, weight_decay=-1.0)))

    assert filled(tmp_path, record).read_all() == [record]


def test_fewer_images_than_a_batch_are_told():
    """With both numbers and what to do."""
    with pytest.raises(ValueError, match="batches of 100 cannot be trained: there are 24 training images; take a"):
        replace(TINY, batch_size=100)


def test_a_recipe_for_another_number_of_classes_is_refused():
    """As where CIFAR-10's recipe is replaced for CIFAR-100, with its ten classes kept."""
    for classes in (5, 20):
        with pytest.raises(StudyError, match=f"synthetic has 10 classes; {TINY.name} says {classes}"):
            open_data(Run(cell=replace(CELL, protocol=replace(TINY, num_classes=classes)), seed=0), Settings(), {})
