"""Reads CIFAR from the forms in which people have it, and converts it to one form.

The four forms are .npy arrays, one .npz file, the authors' Python batches, and class folders of PNGs. N images,
H W space.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from senet_lab.data.arrays import Images, Labels
from senet_lab.data.cifar_batches import find_batches, read_batches
from senet_lab.data.cifar_names import CLASSES, IMAGES
from senet_lab.errors import INVALID_ARRAYS, StudyError
from senet_lab.study.protocol import Dataset

NAMES = (
    {"train": ("train_images", "train_labels"), "test": ("test_images", "test_labels")},
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},
)
WANTED = " or ".join(", ".join(name for pair in names.values() for name in pair) for names in NAMES)
PIXELS = 32


@dataclass(frozen=True, slots=True)
class Raw:
    """One split as it was read. images_from, labels_from: the file or folder of each array, for messages."""

    images: Any
    labels: Any
    images_from: str
    labels_from: str


Splits = Mapping[str, Raw]


def read_any(dataset: Dataset, folder: Path) -> Splits | None:
    """The data set from .npy arrays, an .npz file or the authors' batches, whichever is found first; None without any.

    Raises StudyError, which names the file, where that form is incomplete or cannot be read.
    """
    arrays = [folder / f"{split}_{kind}.npy" for split in IMAGES for kind in ("images", "labels")]
    if all(path.exists() for path in arrays):
        return _of_arrays(folder)
    for form in (_of_npz, _of_batches):
        found = form(dataset, folder)
        if found is not None:
            return found
    if any(path.exists() for path in arrays):
        return _of_arrays(folder)  # raises a StudyError that says which one is missing
    return None


def _of_arrays(folder: Path) -> Splits:
    found = {}
    for split in IMAGES:
        paths = [folder / f"{split}_{kind}.npy" for kind in ("images", "labels")]
        found[split] = Raw(*(_array(path) for path in paths), *map(str, paths))
    return found


def _array(path: Path) -> Any:
    array = _loaded(path)
    if not isinstance(array, np.ndarray):
        array.close()
        raise StudyError(f"{path} is an archive of arrays; name it .npz")
    return array


def _loaded(path: Path) -> Any:
    if not path.exists():
        raise StudyError(f"{path} is missing; put it there, as it belongs to the other arrays in its folder")
    if not path.is_file():
        raise StudyError(f"{path} is no file")
    try:
        return np.load(path, allow_pickle=False)
    except INVALID_ARRAYS as error:
        if "pickle" in str(error) and path.read_bytes()[:6] == b"\x93NUMPY":
            raise StudyError(f"{path} holds Python objects; save numbers: np.asarray(images, np.uint8)") from None
        raise StudyError(f"{path} is damaged ({' '.join(str(error).split())}); copy it again") from None


def _of_npz(dataset: Dataset, folder: Path) -> Splits | None:
    paths = [p for p in (folder / f"{dataset.value}.npz", folder.parent / f"{dataset.value}.npz") if p.exists()]
    if not paths:
        return None
    path = paths[0]
    loaded = _loaded(path)
    if isinstance(loaded, np.ndarray):
        raise StudyError(f"{path} is one array; it needs {WANTED}")
    with loaded as archive:
        for names in NAMES:
            if all(name in archive for pair in names.values() for name in pair):
                try:
                    return {s: Raw(archive[i], archive[k], f"{path}:{i}", f"{path}:{k}") for s, (i, k) in names.items()}
                except INVALID_ARRAYS as error:
                    raise StudyError(f"{path} is damaged ({' '.join(str(error).split())}); copy it again") from None
        raise StudyError(f"{path} has the arrays {', '.join(archive) or 'none'}; it needs {WANTED}")


def _of_batches(dataset: Dataset, folder: Path) -> Splits | None:
    path = find_batches(dataset, folder)
    if path is None:
        return None
    return {split: Raw(*pair, str(path), str(path)) for split, pair in read_batches(dataset, path).items()}


def read_class_folders(dataset: Dataset, folder: Path) -> Splits | None:
    """The data set from the pictures in ``train/<class>/`` and ``test/<class>/``; None without these two folders.

    Raises StudyError for a folder that is not a class, and for a file that is not a picture of 32 x 32 pixels.
    """
    if not all((folder / split).is_dir() for split in IMAGES):
        return None
    return {split: _of_pictures(dataset, folder / split) for split in IMAGES}


def _of_pictures(dataset: Dataset, folder: Path) -> Raw:
    from PIL import Image

    images, labels = [], []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        label = _label(dataset, place)
        for path in sorted(path for path in place.iterdir() if not path.name.startswith(".")):
            try:
                with Image.open(path) as picture:
                    images.append(np.asarray(picture.convert("RGB")))
            except (OSError, SyntaxError) as error:  # Pillow calls a broken PNG a SyntaxError
                raise StudyError(f"{path} cannot be read ({' '.join(str(error).split())}); copy it again") from None
            if images[-1].shape != (PIXELS, PIXELS, 3):
                height, width = images[-1].shape[:2]
                raise StudyError(f"{path} is {width} x {height} pixels; images of {dataset.value} are 32 x 32")
            labels.append(label)
    if not images:
        raise StudyError(f"{folder} holds no class folders with pictures")
    return Raw(np.stack(images), np.array(labels), str(folder), str(folder))


def _label(dataset: Dataset, folder: Path) -> int:
    classes = CLASSES[dataset]
    if folder.name in classes:
        return classes.index(folder.name)
    if folder.name.isdecimal() and int(folder.name) < len(classes):
        return int(folder.name)
    raise StudyError(f"{folder}: {dataset.value} has no class {folder.name!r}; a class folder has its name or number")


def normal_images(raw: Raw, n: int) -> Images:
    """Images as uint8 N 32 32 3, converted from other types and orders of axes.

    n: how many there must be. Raises StudyError, which says how to convert, for any other shape or range of values.
    """
    images = raw.images
    for axes, shape in _ORDERS:
        if images.shape == tuple(n if size == 0 else size for size in shape):
            return np.ascontiguousarray(axes(_bytes(images, raw.images_from)))
    raise StudyError(
        f"{raw.images_from} has the shape {images.shape}; it needs {(n, PIXELS, PIXELS, 3)}, or the same with the "
        f"channels first or as {n} rows"
    )


_ORDERS: tuple[tuple[Callable[[Any], Any], tuple[int, ...]], ...] = (  # 0 stands for N
    (lambda images: images, (0, 32, 32, 3)),
    (lambda images: images.transpose(0, 2, 3, 1), (0, 3, 32, 32)),
    (lambda images: images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), (0, 3072)),  # the authors' order
    (lambda images: images.transpose(3, 0, 1, 2), (32, 32, 3, 0)),
)


def _bytes(images: Any, source: str) -> Images:
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind in "iuf":
        low, high = images.min(), images.max()
        values = images * 255.0 if images.dtype.kind == "f" and low >= 0 and high <= 1 else images
        if low >= 0 and high <= 255:
            whole = np.rint(values)
            if np.abs(whole - values).max() < 0.01:
                return whole.astype(np.uint8)
        source += f" has values from {low:.4g} to {high:.4g}"
    raise StudyError(
        f"{source} of type {images.dtype}; pixels are whole numbers from 0 to 255 (or these divided by 255): undo "
        "the normalisation and save them as uint8"
    )


def normal_labels(raw: Raw, n: int, classes: int) -> Labels:
    """Labels as int64 N, converted from other types of number and from N x 1.

    n: how many there must be. Raises StudyError, which says what is needed, for any other shape or type.
    """
    labels = raw.labels
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.ravel()
    if labels.ndim == 2 and labels.shape == (n, classes):
        raise StudyError(f"{raw.labels_from} has one column a class; save labels.argmax(axis=1)")
    if labels.shape != (n,):
        raise StudyError(
            f"{raw.labels_from} has the shape {raw.labels.shape}; it needs one label for each of {n} images"
        )
    if labels.dtype.kind not in "iuf" or not np.all(np.isfinite(labels)) or np.any(labels != np.rint(labels)):
        raise StudyError(
            f"{raw.labels_from} is of type {labels.dtype}; labels are whole numbers from 0 to {classes - 1}"
        )
    return labels.astype(np.int64)
