"""CIFAR: what is not the data set is refused, each kind by a line of its own."""

import hashlib
import io
import os

import numpy as np
import pytest

from senet_lab.data import cifar as module
from senet_lab.data.open import open_arrays
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset
from tests.data.stand_in import SMALL, put, refusal
from tests.real_data import real_cifar
from tests.tiny import TINY

KINDS = ("images", "labels")


def test_a_truncated_array_is_named(place, published):
    """A file cut short is damaged, and the line says which one."""
    put(place, published)
    path = place / "train_images.npy"
    os.truncate(path, path.stat().st_size // 2)

    assert f"{path} is damaged" in refusal()


def test_a_missing_array_is_named(place, published):
    """Three of four files are not a data set."""
    put(place, published)
    (place / "test_labels.npy").unlink()

    assert f"{place / 'test_labels.npy'} is missing" in refusal()


def test_a_file_of_another_kind_is_named(place, published):
    """A text, Python objects, an .npz under the name of an .npy, a folder."""
    put(place, published)
    path = place / "train_labels.npy"
    path.write_text("cat dog")
    assert f"{path} is damaged (" in refusal()
    np.save(path, np.array([{}, {}]), allow_pickle=True)
    assert f"{path} holds Python objects" in refusal()
    content = io.BytesIO()
    np.savez(content, a=np.zeros(1))
    path.write_bytes(content.getvalue())
    assert f"{path} is an archive of arrays" in refusal()
    path.unlink()
    path.mkdir()
    assert f"{path} is no file" in refusal()


def test_an_archive_with_a_damaged_list_is_named(place, published):
    """Its list of parts says a compression that does not exist."""
    content = io.BytesIO()
    np.savez(
        content, **{f"{s}_{kind}": a for s, pair in published.items() for kind, a in zip(KINDS, pair, strict=True)}
    )
    data = bytearray(content.getvalue())
    data[data.index(b"PK\x01\x02") + 10] = 99
    path = place / "cifar100.npz"
    path.write_bytes(data)

    assert f"{path} is damaged (" in refusal()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda images, labels: (images[:-1], labels), "has the shape (119, 32, 32, 3); it needs (120, 32, 32, 3)"),
        (lambda images, labels: (images, labels[:-1]), "has the shape (119,); it needs one label for each of 120"),
        (lambda images, labels: (images, np.eye(100)[labels]), "save labels.argmax(axis=1)"),
        (lambda images, labels: (images, labels + 0.5), "labels are whole numbers from 0 to 99"),
        (lambda images, labels: (images / 64 - 2, labels), "undo the normalisation and save them as uint8"),
        (lambda images, labels: (0 * images, labels), "holds nothing but zeros"),
        (lambda images, labels: (0 * images + images[0], labels), "holds the same image again and again"),
        (lambda images, labels: (images, labels // 5), "has the 20 coarse labels of cifar100"),
        (lambda images, labels: (images, 99 - labels), "has the images of cifar100, but labels from 0 to 99"),
        (lambda images, labels: (images[:, ::-1], labels), "are not those of the published cifar100"),
    ],
)
def test_what_is_not_the_data_set_is_said(place, published, monkeypatch, change, said):
    """Each kind of other array has its own line, which names the file."""
    images, labels = published["train"]
    order = np.array([image.tobytes() for image in images]).argsort(kind="stable")
    known = {hashlib.sha256(images[order].tobytes()).hexdigest(): (Dataset.CIFAR100, "train")}
    monkeypatch.setattr(module, "IMAGES_SHA256", known)
    put(place, published | {"train": change(images, labels)})

    assert said in refusal()
    assert str(place) in refusal()


def test_cifar10_under_the_name_of_cifar100_is_said(place, published, monkeypatch):
    """The images tell whose they are."""
    images, labels = published["train"]
    monkeypatch.setattr(module, "SHA256", {(Dataset.CIFAR100, split): "another" for split in SMALL})
    monkeypatch.setattr(module, "IMAGES_SHA256", _AnyImages())
    put(place, published | {"train": (images, labels % 10)})

    assert "holds cifar10 under the name of cifar100" in refusal()


class _AnyImages(dict):
    """Takes all images for those of CIFAR-10."""

    def get(self, key, default):
        return Dataset.CIFAR10, "train"


def test_a_failed_download_says_where_to_put_the_data(place):
    """Without network and without arrays, the line names the folder and the variable, and nothing is left behind."""
    assert "set SENET_LAB_DATA to a folder" in refusal()
    assert {".lock"} >= {path.name for path in place.iterdir()}


def test_photos_are_never_opened_as_arrays(monkeypatch, tmp_path):
    """An ImageNet protocol is refused by its kind, before anything is downloaded or made."""
    from ablations.protocols import IMAGENET_100EP

    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path / "none"))
    with pytest.raises(StudyError, match="protocol imagenet-100ep is of photos"):
        open_arrays(IMAGENET_100EP)
    assert not (tmp_path / "none").exists()
    assert open_arrays(TINY).name == "synthetic"


@pytest.mark.data
@pytest.mark.parametrize(
    ("dataset", "mean", "std"),
    [
        (Dataset.CIFAR10, (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
        (Dataset.CIFAR100, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    ],
)
def test_cifar_has_the_known_statistics(dataset, mean, std):
    """The channel means and deviations of the training images of both sets, which pass the check of their hashes."""
    data = real_cifar(dataset)

    assert (data.channel_mean, data.channel_std) == (mean, std)
    assert len(data.class_names) == {Dataset.CIFAR10: 10, Dataset.CIFAR100: 100}[dataset]


@pytest.mark.data
def test_another_set_under_the_name_of_cifar100_is_refused(tmp_path, monkeypatch):
    """CIFAR-10's whole arrays in the folder of CIFAR-100 are known for what they are."""
    from senet_lab.data.folder import data_folder

    real_cifar(Dataset.CIFAR10)
    (tmp_path / "cifar100").symlink_to((data_folder() / "cifar10").resolve())
    monkeypatch.setenv("SENET_LAB_DATA", str(tmp_path))

    assert "holds cifar10 under the name of cifar100" in refusal()
