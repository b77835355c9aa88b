"""CIFAR-10 and CIFAR-100 as arrays: read from the data folder in any known form, or downloaded and kept there.

Whatever the form, the data must have the published data set's hash.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from senet_lab.data.arrays import ImageArrays, Images, Labels, Split, canonical, channel_statistics
from senet_lab.data.cifar_batches import published, read_batches
from senet_lab.data.cifar_forms import Raw, Splits, normal_images, normal_labels, read_any, read_class_folders
from senet_lab.data.cifar_names import CLASSES, COARSE_CLASSES, IMAGES, IMAGES_SHA256, SHA256
from senet_lab.data.first_use import alone, save_arrays, scratch
from senet_lab.data.folder import FOLDER_VARIABLE, data_folder
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset


def cifar(dataset: Dataset) -> ImageArrays:
    """CIFAR-10 or CIFAR-100 from ``<data folder>/<name>``. docs/data.md lists the forms that are read.

    Raises StudyError, which says what to do, where the data cannot be read, are not the published ones, or are not
    there and cannot be downloaded.
    """
    folder = data_folder() / dataset.value
    raw = read_any(dataset, folder)
    splits = _first_use(dataset, folder) if raw is None else _checked(dataset, raw)
    mean, std = channel_statistics(splits["train"].images)
    return ImageArrays(dataset.value, CLASSES[dataset], splits["train"], splits["test"], mean, std)


def _checked(dataset: Dataset, raw: Splits) -> dict[str, Split]:
    return {split: _checked_split(dataset, split, raw[split]) for split in IMAGES}


def _checked_split(dataset: Dataset, split: str, raw: Raw) -> Split:
    images = normal_images(raw, IMAGES[split])
    labels = normal_labels(raw, IMAGES[split], len(CLASSES[dataset]))
    for candidate in _same_data(images, labels):
        found = canonical(*candidate)
        if found.sha256 == SHA256[dataset, split]:
            return found
    raise StudyError(
        f"{raw.images_from} {_what_it_is(dataset, images, labels)}; put {dataset.value} there, or set "
        f"{FOLDER_VARIABLE} to another folder to have it downloaded"
    )


def _same_data(images: Images, labels: Labels) -> Iterator[tuple[Images, Labels]]:
    """The data as they are, then as other conventions would make them: the hash tells which one is right.

    The conventions: labels that count from 1, channels in the order blue, green, red, and columns before rows.
    """
    yield images, labels
    first = labels.min()
    for other in (images, images[..., ::-1], images.transpose(0, 2, 1, 3)):
        if other is not images or first == 1:
            yield np.ascontiguousarray(other), labels - first


def _what_it_is(dataset: Dataset, images: Images, labels: Labels) -> str:
    """Says what is wrong with arrays that have the right form but not the data set's hash."""
    if (images == images[0]).all():
        return "holds the same image again and again" if images[0].any() else "holds nothing but zeros"
    rows = images.reshape(len(images), -1)
    order = rows.view(f"V{rows.shape[1]}").ravel().argsort(kind="stable")
    whose, _ = IMAGES_SHA256.get(hashlib.sha256(images[order].tobytes()).hexdigest(), (None, ""))
    if whose is None:
        return f"and its labels are not those of the published {dataset.value}"
    if whose is not dataset:
        return f"holds {whose.value} under the name of {dataset.value}"
    if dataset is Dataset.CIFAR100 and labels.min() >= 0 and labels.max() < COARSE_CLASSES:
        return f"has the {COARSE_CLASSES} coarse labels of cifar100; its {len(CLASSES[dataset])} fine labels are needed"
    return f"has the images of {dataset.value}, but labels from {labels.min()} to {labels.max()} that are not theirs"


def _first_use(dataset: Dataset, folder: Path) -> dict[str, Split]:
    """Reads class folders or downloads, and keeps the arrays as one file. Another process may have done so by now."""
    with alone(folder):
        raw = read_any(dataset, folder)
        if raw is not None:
            return _checked(dataset, raw)
        raw = read_class_folders(dataset, folder)
        splits = _checked(dataset, raw or _downloaded(dataset, folder))
        content: dict[str, Images | Labels] = {f"{name}_images": split.images for name, split in splits.items()}
        content.update({f"{name}_labels": split.labels for name, split in splits.items()})
        with contextlib.suppress(OSError):  # without room for this copy, the next run only starts more slowly
            save_arrays(folder / f"{dataset.value}.npz", **content)
        return splits


def _downloaded(dataset: Dataset, folder: Path) -> Splits:
    from torchvision.datasets.utils import download_url

    source = published(dataset)
    with scratch(folder) as place:
        try:
            download_url(source.url, str(place), source.filename, source.tgz_md5)
        except (OSError, RuntimeError) as error:
            raise StudyError(
                f"{dataset.value} is not in {folder} and could not be downloaded ({' '.join(str(error).split())}); "
                f"set {FOLDER_VARIABLE} to a folder that has {dataset.value}/train_images.npy and its companions, or "
                "another form that docs/data.md names"
            ) from None
        archive = place / source.filename
        return {split: Raw(*pair, str(archive), str(archive)) for split, pair in read_batches(dataset, archive).items()}
