"""Data sets of photos that have a name: where they are looked for, and that nothing else passes for them."""

import os
from pathlib import Path

import pytest

from senet_lab.data import imagenet, places365
from senet_lab.data.imagenet import named_photos
from senet_lab.data.photo_folders import photos_of
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset
from tests.data.pictures import class_folders, photo


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data folder; each set counts as whole with three classes, 18 and 6 photos."""
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))
    monkeypatch.setattr(imagenet, "WHOLE", {dataset: (18, 6, 3) for dataset in imagenet.WHOLE})
    monkeypatch.setattr(places365, "SIZE", (40, 30))  # that of the drawn photos
    return tmp_path


def refusal(dataset) -> str:
    with pytest.raises(StudyError) as caught:
        named_photos(dataset)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("below", ["", "ILSVRC/Data/CLS-LOC"])
def test_imagenet_is_found(data, below):
    """At its root or in the archive's folders."""
    class_folders(data / "imagenet" / below)

    assert [len(photos) for photos in named_photos(Dataset.IMAGENET).values()] == [18, 6]


def test_a_flat_validation_set_is_that_of_class_folders(data):
    """With Kaggle's file of labels: the same photos, classes, order and digest. Without one it says what is needed."""
    wnids = ("n01443537", "n02110958", "n09246464")
    class_folders(data / "sorted", classes=wnids)
    root = class_folders(data / "imagenet", classes=wnids)
    lines = ["ImageId,PredictionString"]
    for wnid in wnids:
        for index in range(2):
            os.replace(root / "val" / wnid / f"{index}.jpg", root / "val" / f"{wnid}-{index}.jpg")
            os.rename(data / "sorted/val" / wnid / f"{index}.jpg", data / "sorted/val" / wnid / f"{wnid}-{index}.jpg")
            lines.append(f"{wnid}-{index},{wnid} 1 2 3 4")
        (root / "val" / wnid).rmdir()
    assert "has 6 photos in no class folders and no labels: put LOC_val_solution.csv or" in refusal(Dataset.IMAGENET)
    (root / "LOC_val_solution.csv").write_text("\n".join(lines) + "\n")
    flat, folders = named_photos(Dataset.IMAGENET)["test"], photos_of(data / "sorted" / "val")

    assert flat.classes == folders.classes
    assert flat.labels.tolist() == folders.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (flat.digest, Path(flat.path(3)).name) == (folders.digest, Path(folders.path(3)).name)


def test_an_incomplete_set_is_refused(data):
    """Its counts are said, and how to train on what is there."""
    class_folders(data / "imagenet", train=5)

    assert "has 15 images of 3 classes; imagenet has 18 of 3: complete it, or name the folder with --data" in refusal(
        Dataset.IMAGENET
    )


def test_imagenette_is_the_edition_of_160_pixels(data):
    """Photos of another size are another edition, and are refused."""
    root = class_folders(data / "imagenette2-160")
    assert "36 x 30 pixels; the shorter edges of imagenette2-160 have 160" in refusal(Dataset.IMAGENETTE)
    photo(root / "val" / "cat" / "0.jpg", size=(200, 160))

    assert named_photos(Dataset.IMAGENETTE)["train"].classes == ("cat", "dog", "fox")


def test_imagenette_is_downloaded_once(data, monkeypatch):
    """Into a temporary folder first, which becomes the data set when it is whole."""
    calls = []

    def download(place, size, download):
        calls.append(size)
        photo(class_folders(place / "imagenette2-160") / "val" / "cat" / "0.jpg", size=(200, 160))

    monkeypatch.setattr("torchvision.datasets.Imagenette", download)
    named_photos(Dataset.IMAGENETTE)
    named_photos(Dataset.IMAGENETTE)

    assert calls == ["160px"]
    assert {".lock", "imagenette2-160"} == {path.name for path in data.iterdir()}


def test_a_failed_download_of_imagenette_is_one_line(data, monkeypatch):
    """With the folder to put it into."""

    def refuse(*args, **kwargs):
        raise RuntimeError("no\nnetwork")

    monkeypatch.setattr("torchvision.datasets.Imagenette", refuse)

    assert "could not be downloaded (no network); set SENET_LAB_DATA to the folder that holds imagenette2-160/" in (
        refusal(Dataset.IMAGENETTE)
    )


CATEGORIES = ("/a/airfield", "/a/apartment_building/outdoor", "/z/zoo")


@pytest.fixture
def listed(data):
    """Places365 in its authors' folders: files below data_256_standard and val_256, named in lists."""
    root = data / "places365"
    train = [f"{name}/{index}.jpg" for name in CATEGORIES for index in range(6)]
    val = [f"Places365_val_{index}.jpg" for index in range(6)]
    for index, file in enumerate(train):
        photo(root / "data_256_standard" / file[1:], index)
    for index, file in enumerate(val):
        photo(root / "val_256" / file, 100 + index)
    lines = {
        "categories_places365.txt": [f"{name} {label}" for label, name in enumerate(CATEGORIES)],
        "places365_train_standard.txt": [f"{file} {index // 6}" for index, file in enumerate(train)],
        "places365_val.txt": [f"{file} {(5 - index) // 2}" for index, file in enumerate(val)],
    }
    for name, content in lines.items():
        (root / name).write_text("\n".join(content) + "\n")
    return root


def test_places365_is_read_by_its_lists(listed):
    """Classes by the list of categories; labels by the lists of files, whatever the folders say."""
    photos = named_photos(Dataset.PLACES365)

    assert photos["train"].classes == ("airfield", "apartment_building/outdoor", "zoo")
    assert photos["test"].labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert photos["test"].path(0) == str(listed / "val_256" / "Places365_val_4.jpg")


def test_places365_in_class_folders_is_found(data):
    """As places365_standard/{train,val}/<class>/."""
    root = class_folders(data / "places365_standard")
    photo(root / "val" / "cat" / "0.jpg")

    assert len(named_photos(Dataset.PLACES365)["test"]) == 6


def test_places365_is_the_edition_of_256_pixels(data, monkeypatch):
    """Large photos would train under its name with another aspect ratio; a damaged one is named."""
    monkeypatch.undo()
    monkeypatch.setenv("SENET_LAB_DATA", str(data))
    root = class_folders(data / "places365_standard")
    first = root / "val" / "cat" / "0.jpg"

    assert f"{first} is 36 x 30 pixels; the photos of Places365-Standard that protocols name have 256 x 256" in (
        refusal(Dataset.PLACES365)
    )
    first.write_bytes(b"no photo")
    assert f"{first} is damaged (it is no image); copy it again" in refusal(Dataset.PLACES365)


def test_broken_lists_of_places365_are_refused(listed, data):
    """A line that is none, a class too many, a photo that is missing, no lists at all: file, line, reason."""
    path = listed / "places365_val.txt"
    good = path.read_text()
    path.write_text(good + "Places365_val_9.jpg\n")
    assert f"{path}, line 7: 'Places365_val_9.jpg' is no name with a class number" in refusal(Dataset.PLACES365)
    path.write_text(good + "Places365_val_9.jpg 3\n")
    assert f"{path}: Places365_val_9.jpg has class 3; categories_places365.txt names 3" in refusal(Dataset.PLACES365)
    path.write_text(good + "Places365_val_9.jpg 2\n")
    assert "val_256/Places365_val_9.jpg, of places365_val.txt: No such file" in refusal(Dataset.PLACES365)
    path.unlink()
    assert f"{path} cannot be read (No such file" in refusal(Dataset.PLACES365)
    listed.rename(data / "elsewhere")
    assert "has neither train/ and val/ with class folders nor places365_train_standard.txt" in refusal(
        Dataset.PLACES365
    )
