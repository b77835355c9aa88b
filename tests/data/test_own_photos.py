"""A user's own photos as a data set: named as themselves, known by their files, trained and recorded."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from ablations.protocols import CIFAR10, IMAGENET_100EP, IMAGENETTE
from senet_lab.data.open import open_photos, open_source
from senet_lab.data.own_photos import name_of, own_photos
from senet_lab.errors import StudyError
from senet_lab.records.store import Store
from senet_lab.study import Cell, Run, SESpec
from senet_lab.study.cell import from_plain, to_plain
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.training import state_file
from senet_lab.training.progress import silent
from senet_lab.training.recording import LeftOut
from senet_lab.training.run import make
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.state_file import Kind
from senet_lab.training.stopping import Paused, SavePlan
from tests.data.pictures import class_folders, photo

RECIPE = replace(IMAGENETTE, batch_size=8, image_size=64, resize=70, epochs=1)


def test_the_protocol_is_named_after_the_photos(tmp_path):
    """Name, counts and title are the folder's; the recipe's numbers stay; the warm-up has as many epochs."""
    found = own_photos(RECIPE, class_folders(tmp_path / "my pets"))

    assert found.name == "my-pets-by-imagenette"
    assert found.data_name == "folder my-pets"
    assert (
        found.num_classes,
        found.train_images,
        found.test_images,
        found.evaluation_split,
    ) == (3, 18, 6, "validation")
    assert "photos of the folder my-pets (3 classes, 18 training and 6 validation photos)" in found.title
    assert found.departures[0] == "data: photos of the folder my-pets in place of imagenette"
    assert not any("ten classes" in departure for departure in found.departures)
    assert round(735 * 2 / (9_469 // 8)) == found.schedule.warmup_steps
    assert found == from_plain(Protocol, to_plain(found))


@pytest.mark.parametrize("name", ["imagenet", "ImageNet-1k", "ILSVRC2012", "imagenette2-160", "places365_standard"])
def test_a_folder_never_has_the_name_of_a_published_set(tmp_path, name):
    """A folder called imagenet is somebody's photos all the same."""
    assert f"own-{name}" == name_of(tmp_path / name)
    assert own_photos(IMAGENET_SMALL, class_folders(tmp_path / "imagenet")).data_name == "folder own-imagenet"


IMAGENET_SMALL = replace(IMAGENET_100EP, batch_size=4)


def test_a_name_has_letters_that_files_take():
    """Anything else becomes a dash; a name of nothing else is photos."""
    from pathlib import Path

    assert name_of(Path("/x/../a b.c_d")) == "a-b.c_d"
    assert name_of(Path("/фото")) == "photos"
    assert name_of(Path("imagenette-128")) == "imagenette-128"


def test_other_photos_are_another_cell(tmp_path):
    """The key is that of the files, wherever they lie; a renamed photo is another cell and is not opened."""
    first = own_photos(RECIPE, class_folders(tmp_path / "one" / "pets"))
    folder = class_folders(tmp_path / "two" / "pets")
    again = own_photos(RECIPE, folder)
    assert first == again
    assert open_photos(first, folder)["train"].classes == ("cat", "dog", "fox")
    photo(folder / "train" / "cat" / "new.jpg")

    assert first != own_photos(RECIPE, folder)
    with pytest.raises(StudyError, match="has other files than those that pets-by-imagenette is about"):
        open_photos(first, folder)
    with pytest.raises(StudyError, match="say with --data where they lie"):
        open_photos(first)


def test_photos_that_cannot_be_trained_on_are_refused(tmp_path):
    """No folder, no val/, other classes in val/, one class alone, too few photos, a recipe of arrays."""
    folder = class_folders(tmp_path / "pets")
    cases = [
        (RECIPE, tmp_path / "none", "is no folder; --data names one"),
        (RECIPE, folder / "train", "has no folder train/"),
        (replace(RECIPE, batch_size=19), folder, "1 epochs of batches of 19 cannot be trained"),
        (CIFAR10, folder, "protocol cifar10 is of images in memory"),
        (RECIPE, class_folders(tmp_path / "one", classes=("cat",)), "has one class"),
        (
            replace(RECIPE, train_images_per_class=7),
            folder,
            r"train/cat has 6 photos; imagenette trains on 7 of each class\. Add photos, .*--protocol imagenette",
        ),
    ]
    for recipe, place, said in cases:
        with pytest.raises(StudyError, match=said):
            own_photos(recipe, place)
    photo(folder / "val" / "wolf" / "1.jpg")
    with pytest.raises(StudyError, match=r"class wolf is in .*pets/val and not in .*pets/train"):
        own_photos(RECIPE, folder)


def test_a_folder_without_a_digest_is_no_protocol():
    """The data set folder needs photos, and no other data set has them."""
    with pytest.raises(ValueError, match="photos belong to the data set folder"):
        replace(IMAGENETTE, dataset=Dataset.FOLDER)


def test_skipped_photos_are_counted_in_the_record(tmp_path):
    """A network of the paper trains on a folder for an epoch; a cut photo is left out and counted."""
    folder = class_folders(tmp_path / "pets")
    cut = folder / "train" / "dog" / "3.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    protocol = own_photos(RECIPE, folder)
    run = Run(cell=Cell(backbone="shufflenet", se=SESpec(), protocol=protocol), seed=0)
    data = open_source(protocol, torch.device("cpu"), folder=folder, skip_damaged=True)
    record = make(run, data, Store(tmp_path / "results"), Settings(executor=Executor.DEVICE), silent)

    assert record.provenance.skipped_photos == 1
    assert 0 <= record.top1_error_pct <= 100
    assert record == Store(tmp_path / "results").read(run)


def test_skipped_photos_are_counted_over_all_parts_of_a_run(tmp_path):
    """Interrupted, the damaged photo mended, and gone on: it was left out in a part all the same. A file of an earlier
    version, which names none, is gone on from, too."""
    folder = class_folders(tmp_path / "pets")
    cut = folder / "train" / "dog" / "3.jpg"
    whole = cut.read_bytes()
    protocol = replace(own_photos(RECIPE, folder), epochs=2)
    run = Run(cell=Cell(backbone="shufflenet", se=SESpec(), protocol=protocol), seed=0)
    store, plan, counts = Store(tmp_path / "results"), SavePlan(), []

    def make_it(report=silent, plan=None):
        data = open_source(protocol, torch.device("cpu"), folder=folder, skip_damaged=True)
        return make(run, data, store, Settings(executor=Executor.DEVICE), report, plan)

    cut.write_bytes(bytes(len(whole)))
    with pytest.raises(Paused):
        make_it(lambda progress: plan.stop.ask("a test") if progress.epoch == 1 else None, plan)
    cut.write_bytes(whole)
    path = store.path(run, "cache/checkpoints", ".safetensors")
    saved = state_file.read(path, Kind.CHECKPOINT, run)
    for state in (saved, replace(saved, left_out=())):
        path.write_bytes(state_file.to_bytes(Kind.CHECKPOINT, run, state))
        counts.append(make_it().provenance.skipped_photos)
        store.path(run, "records", ".json").unlink()

    assert saved.left_out == ("dog/3.jpg",)
    assert counts == [1, 0]


def test_skipped_photos_are_counted_over_all_processes():
    """Each meets those of its part; one that both met counts once, and so does one of the checkpoint."""
    others = SimpleNamespace(gathered=lambda mine: [mine, ("b.jpg", "c.jpg")])
    data = SimpleNamespace(skipped={"a.jpg": "cut", "b.jpg": "cut"})
    found = LeftOut(data, ("z.jpg", "a.jpg"), others)

    assert found.names == ("a.jpg", "b.jpg", "z.jpg")
    assert found.meet() == 4
    assert found.names == ("a.jpg", "b.jpg", "c.jpg", "z.jpg")
