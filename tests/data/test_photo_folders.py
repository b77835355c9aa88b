"""Folders of photos: what is found at which depth, what is passed over, and what is refused by name."""

import os

import pytest

from senet_lab.data.photo_folders import find_split, photos_of
from senet_lab.errors import StudyError
from tests.data.pictures import CLASSES, class_folders, photo

WNIDS = ("n01440764", "n01443537")


def refusal(folder) -> str:
    with pytest.raises(StudyError) as caught:
        photos_of(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_classes_and_photos_are_sorted(tmp_path):
    """By class, then by name; each photo has its path, its class and its size."""
    photos = photos_of(class_folders(tmp_path) / "train")

    assert photos.classes == CLASSES
    assert photos.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert str(tmp_path / "train" / "dog" / "0.jpg") == photos.path(6)
    assert os.path.getsize(photos.path(6)) == photos.sizes[6]


def test_hidden_names_are_neither_classes_nor_photos(tmp_path):
    """What editors and file systems leave changes nothing."""
    train = class_folders(tmp_path) / "train"
    before = photos_of(train)
    for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
        photo(train / name / "1.jpg")
    photo(train / "cat" / ".ipynb_checkpoints" / "1.jpg")
    for name in (".DS_Store", "cat/._0.jpg", "cat/Thumbs.db", "cat/.DS_Store", "cat/notes.txt", "cat/labels.csv"):
        (train / name).write_text("no photo")

    assert photos_of(train).digest == before.digest


def test_a_pipe_named_like_a_photo_is_passed_over(tmp_path):
    """Reading it would wait for ever."""
    train = class_folders(tmp_path) / "train"
    before = photos_of(train)
    os.mkfifo(train / "cat" / "pipe.jpg")

    assert photos_of(train).digest == before.digest


def test_a_photo_of_a_kind_that_is_not_read_is_refused(tmp_path):
    """It is named, and not left out in silence."""
    train = class_folders(tmp_path) / "train"
    (train / "cat" / "1.HEIC").write_bytes(b"photo")

    assert refusal(train).startswith(f"{train}/cat/1.HEIC is of a kind that is not read here; convert it to JPEG")


@pytest.mark.parametrize("below", ["", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC"])
def test_the_splits_of_imagenets_archives_are_found(tmp_path, below):
    """At the root, or where the archives put them."""
    class_folders(tmp_path / below)

    assert tmp_path / below / "train" == find_split(tmp_path, "train")
    assert tmp_path / below / "val" == find_split(tmp_path, "test")
    assert find_split(tmp_path / "cat", "test") is None


@pytest.mark.parametrize("between", ["ILSVRC2012_img_val", "images/all"])
def test_a_folder_between_a_split_and_its_classes_is_passed(tmp_path, between):
    """val/ILSVRC2012_img_val/<wnid>/ is found, and is not one class."""
    for index, wnid in enumerate(WNIDS):
        photo(tmp_path / "val" / between / wnid / "1.JPEG", index)

    assert photos_of(tmp_path / "val").classes == WNIDS


def test_photos_deeper_in_a_class_belong_to_it(tmp_path):
    """train/<class>/images/1.jpg, as some archives have it."""
    for index, name in enumerate(("a", "b")):
        photo(tmp_path / "train" / name / "images" / "1.jpg", index)

    assert photos_of(tmp_path / "train").classes == ("a", "b")
    assert photos_of(tmp_path / "train").path(1).endswith("b/images/1.jpg")


def test_other_layouts_are_refused_by_name(tmp_path):
    """Flat, flat beside classes, empty, a class without photos, a stray folder beside wnids, closed."""
    flat = photo(tmp_path / "flat" / "1.jpg").parent
    assert "has 1 photos and no class folders: it is flat" in refusal(flat)
    photo(flat / "cat" / "1.jpg")
    assert "has 1 photos beside the folder cat" in refusal(flat)
    (tmp_path / "empty").mkdir()
    assert "does not hold class folders with photos" in refusal(tmp_path / "empty")
    train = class_folders(tmp_path) / "train"
    for name in ("a", "b", "c", "d"):
        (train / name).mkdir()
    assert "the folders a, b, c and 1 more without any photo" in refusal(train)
    for name in (*WNIDS, "broken"):
        photo(tmp_path / "val2" / name / "1.jpg")
    assert "the folder broken beside 2 classes of ImageNet" in refusal(tmp_path / "val2")
    assert "cannot be read (No such file or directory)" in refusal(tmp_path / "nowhere")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_class_whose_name_is_no_text_is_refused(tmp_path):
    """As an archive from another system leaves it: no table or file could name it."""
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"caf\xe9"))

    assert r"has a folder whose name is no UTF-8 (b'caf\xe9'); rename it" in refusal(tmp_path)


def test_the_digest_names_the_photos(tmp_path):
    """It does not depend on where the folder lies; a class's name, a photo's name or its size changes it."""
    first = photos_of(class_folders(tmp_path / "one") / "train").digest
    other = class_folders(tmp_path / "two") / "train"
    assert first == photos_of(other).digest
    digests = {first}
    (other / "cat").rename(other / "cow")
    digests.add(photos_of(other).digest)
    (other / "cow" / "0.jpg").rename(other / "cow" / "00.jpg")
    digests.add(photos_of(other).digest)
    photo(other / "cow" / "1.jpg", 77)
    digests.add(photos_of(other).digest)

    assert len(digests) == 4
