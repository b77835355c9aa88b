"""CIFAR in the forms that people have it in: healthy data are converted."""

import hashlib
import pickle
import tarfile
import zlib

import numpy as np
import pytest

from senet_lab.data import cifar as module
from senet_lab.data import cifar_batches, cifar_forms, cifar_names
from tests.data.stand_in import SMALL, hashes, put, refusal

FORMS = {
    "as published": lambda images, labels: (images, labels),
    "another order": lambda images, labels: (images[::-1], labels[::-1]),
    "labels uint8": lambda images, labels: (images, labels.astype(np.uint8)),
    "labels int32": lambda images, labels: (images, labels.astype(np.int32)),
    "labels N x 1": lambda images, labels: (images, labels[:, None]),
    "labels float": lambda images, labels: (images, labels.astype(np.float32)),
    "labels from 1": lambda images, labels: (images, labels + 1),
    "channels first": lambda images, labels: (images.transpose(0, 3, 1, 2), labels),
    "rows": lambda images, labels: (images.transpose(0, 3, 1, 2).reshape(len(images), -1), labels),
    "images last": lambda images, labels: (images.transpose(1, 2, 3, 0), labels),
    "blue first": lambda images, labels: (images[..., ::-1], labels),
    "columns first": lambda images, labels: (images.transpose(0, 2, 1, 3), labels),
    "from 0 to 1": lambda images, labels: ((images / 255).astype(np.float32), labels),
    "float of 0 to 255": lambda images, labels: (images.astype(np.float64), labels),
    "int64": lambda images, labels: (images.astype(np.int64), labels),
}


@pytest.mark.parametrize("form", FORMS)
def test_healthy_arrays_of_another_form_are_converted(place, published, form):
    """They become the published data set, bit for bit."""
    put(place, {split: FORMS[form](*pair) for split, pair in published.items()})

    assert hashes() == module.SHA256


@pytest.mark.parametrize("names", cifar_forms.NAMES)
def test_an_npz_file_is_read(place, published, names):
    """With the names of the .npy files, or x_train and y_train."""
    pairs = {names[split][i]: published[split][i] for split in SMALL for i in (0, 1)}
    np.savez(place / "cifar100.npz", **pairs)

    assert hashes() == module.SHA256


def test_an_npz_file_with_other_names_is_refused(place, published):
    """The line has the names that are there and those that are needed."""
    np.savez(place / "cifar100.npz", images=published["train"][0])

    assert (
        "has the arrays images; it needs train_images, train_labels, test_images, test_labels or x_train" in refusal()
    )


def test_class_folders_of_pictures_are_read_once(place, published):
    """Folders by name or number; hidden files are passed over; the arrays are kept, so pictures are read once."""
    from PIL import Image

    for split, (images, labels) in published.items():
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = cifar_names.CIFAR100_CLASSES[label] if label % 2 else str(label)
            (place / split / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / split / name / f"{index}.png")
    (place / "train" / ".ipynb_checkpoints").mkdir()
    (place / "train" / "0" / "._1.png").write_text("not a picture")
    (place / "test" / "0" / ".DS_Store").write_text("not a picture")

    assert hashes() == module.SHA256
    (place / "test" / "0" / "0.png").write_text("damaged later")
    assert hashes() == module.SHA256


def test_a_picture_that_cannot_be_read_is_named(place):
    """An empty PNG, a PNG of another size, a folder of no class."""
    from PIL import Image

    for split in SMALL:
        (place / split / "apple").mkdir(parents=True)
    picture = place / "train" / "apple" / "1.png"
    picture.touch()
    assert refusal().startswith(f"{picture} cannot be read (")
    Image.new("RGB", (64, 48)).save(picture)
    assert f"{picture} is 64 x 48 pixels" in refusal()
    (place / "train" / "apple").rename(place / "train" / "appel")
    assert "cifar100 has no class 'appel'" in refusal()


class Source:
    """What torchvision knows of an archive, with the MD5s of the stand-in."""

    base_folder, filename, url, tgz_md5 = "cifar-100-python", "cifar-100-python.tar.gz", "nowhere", "0"
    meta = {"filename": "meta"}  # noqa: RUF012 - as in torchvision


@pytest.fixture
def batches(place, published, monkeypatch, tmp_path):
    """The stand-in as python batches beside the folder, in the authors' order of axes."""
    folder = tmp_path / Source.base_folder
    folder.mkdir()
    for split, (images, labels) in published.items():
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        content = {"data": rows, "fine_labels": labels.tolist(), "coarse_labels": (labels // 5).tolist()}
        (folder / split).write_bytes(pickle.dumps(content, protocol=4))
    (folder / "meta").write_bytes(b"")
    _know(monkeypatch, folder)
    return folder


def _know(monkeypatch, folder):
    md5 = {split: hashlib.md5((folder / split).read_bytes()).hexdigest() for split in SMALL}
    monkeypatch.setattr(Source, "train_list", [["train", md5["train"]]], raising=False)
    monkeypatch.setattr(Source, "test_list", [["test", md5["test"]]], raising=False)
    for part in (module, cifar_batches):
        monkeypatch.setattr(part, "published", lambda dataset: Source)


def test_python_batches_are_read(batches):
    """Beside the set's folder, where torchvision puts them."""
    assert hashes() == module.SHA256


def test_the_archive_of_the_batches_is_read(batches, place):
    """As it was downloaded, without unpacking it."""
    with tarfile.open(place / Source.filename, "w:gz") as archive:
        archive.add(batches, Source.base_folder)
    for path in batches.iterdir():
        path.unlink()

    assert hashes() == module.SHA256


def test_a_damaged_archive_of_the_batches_is_named(batches, place, monkeypatch):
    """Where the damage is met within its compressed data, too."""
    path = place / Source.filename
    with tarfile.open(path, "w:gz") as archive:
        archive.add(batches, Source.base_folder)
    for file in batches.iterdir():
        file.unlink()

    def damaged(*_):
        raise zlib.error("Error -3 while decompressing data")

    monkeypatch.setattr(tarfile.TarFile, "extractfile", damaged)

    assert f"{path} is damaged (Error -3" in refusal()


def test_a_changed_batch_is_refused(batches):
    """One bit more and it is not the published file, which the line says with both MD5s."""
    with open(batches / "train", "ab") as file:
        file.write(b"\0")

    assert refusal().startswith(f"{batches / 'train'} is not the published file (its MD5 is ")


class Attack:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_batch_cannot_run_anything(batches, tmp_path, monkeypatch):
    """Even with the right MD5, a pickle that would call a function is refused, and the function is not called."""
    content = {"data": Attack(str(tmp_path / "made")), "fine_labels": []}
    (batches / "train").write_bytes(pickle.dumps(content, protocol=4))
    _know(monkeypatch, batches)

    assert "is no batch of images (it would call " in refusal()
    assert not (tmp_path / "made").exists()
