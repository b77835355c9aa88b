"""CIFAR-10 and CIFAR-100 as arrays: read from the data folder, or brought by torchvision and kept there."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from senet_lab.data.arrays import ImageArrays, Split, canonical, channel_statistics
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset

FOLDER_VARIABLE = "SENET_LAB_DATA"
# Of the canonical order; an array that differs is not the published data set.
SHA256 = {
    (Dataset.CIFAR10, "train"): "949c0b4d951efccff4932f99131cee8ae893f6d2f02f55986989f86deec9b28f",
    (Dataset.CIFAR10, "test"): "1c3d67ed25249724d625348474e878f92420fb0f63552feb1fde08e6e1ca76ee",
}
IMAGES = {"train": 50_000, "test": 10_000}
CLASSES = {Dataset.CIFAR10: 10, Dataset.CIFAR100: 100}
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def data_folder() -> Path:
    """$SENET_LAB_DATA, or ``data`` where that is not set."""
    return Path(os.environ.get(FOLDER_VARIABLE, "data"))


def cifar(dataset: Dataset) -> ImageArrays:
    """CIFAR-10 or CIFAR-100. The arrays are ``<folder>/<name>/{train,test}_{images,labels}.npy``.

    Raises StudyError, with what to do, where they are damaged or can neither be found nor downloaded.
    """
    folder = data_folder() / dataset.value
    if not any((folder / f"{split}_images.npy").exists() for split in IMAGES):
        _bring(dataset, folder)
    train, test = (_read_split(dataset, folder, split) for split in ("train", "test"))
    mean, std = channel_statistics(train.images)
    return ImageArrays(dataset.value, _class_names(dataset, folder), train, test, mean, std)


def _class_names(dataset: Dataset, folder: Path) -> tuple[str, ...]:
    if dataset is Dataset.CIFAR10:
        return CIFAR10_CLASSES
    return tuple(f"class {index}" for index in range(CLASSES[dataset]))


def _read_split(dataset: Dataset, folder: Path, split: str) -> Split:
    images = _read_array(folder / f"{split}_images.npy", np.uint8, (IMAGES[split], 32, 32, 3))
    labels = _read_array(folder / f"{split}_labels.npy", np.int64, (IMAGES[split],))
    if labels.min() < 0 or labels.max() >= CLASSES[dataset]:
        raise _damaged(folder / f"{split}_labels.npy", f"labels from {labels.min()} to {labels.max()}")
    found = canonical(images, labels)
    expected = SHA256.get((dataset, split))
    if expected and found.sha256 != expected:
        raise _damaged(folder / f"{split}_images.npy", "its images and labels are not those of the published data set")
    return found


def _read_array(path: Path, kind: type, shape: tuple[int, ...]) -> Any:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; put it there, or remove its folder to download the data again") from None
    except (ValueError, EOFError, OSError) as error:
        raise _damaged(path, str(error)) from None
    if array.dtype != kind or array.shape != shape:
        raise _damaged(path, f"{array.dtype} {array.shape} where {np.dtype(kind)} {shape} belongs")
    return array


def _damaged(path: Path, what: str) -> StudyError:
    what = " ".join(what.split())
    return StudyError(f"{path} is damaged ({what}); remove its folder to download the data again, or copy it anew")


def _bring(dataset: Dataset, folder: Path) -> None:
    """Downloads through torchvision and keeps the arrays in canonical order."""
    from torchvision.datasets import CIFAR10, CIFAR100

    source = CIFAR10 if dataset is Dataset.CIFAR10 else CIFAR100
    downloads = folder.parent / "downloads"
    for split in IMAGES:
        try:
            raw = source(downloads, train=split == "train", download=True)
        except (OSError, RuntimeError) as error:
            raise StudyError(
                f"{dataset.value} is not in {folder} and could not be downloaded ({' '.join(str(error).split())}); "
                f"set {FOLDER_VARIABLE} to a folder that has {dataset.value}/train_images.npy and its companions"
            ) from None
        found = canonical(np.asarray(raw.data), np.asarray(raw.targets, dtype=np.int64))
        folder.mkdir(parents=True, exist_ok=True)
        save_array(folder / f"{split}_labels.npy", found.labels)
        save_array(folder / f"{split}_images.npy", found.images)


def save_array(path: Path, array: Any) -> None:
    """Writes an .npy file that appears whole or not at all."""
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
