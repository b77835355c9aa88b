"""The named data sets of photos: where they lie in the data folder, and how many photos and classes each must have.

ImageNet: ``imagenet/{train,val}/<wnid>/``, or below ``imagenet/ILSVRC/Data/CLS-LOC``; ``val`` may be flat, with
Kaggle's or the development kit's labels. Imagenette (ten classes of
ImageNet): ``imagenette2-160/{train,val}/<wnid>/``, downloaded at its first use. Places365: see places365.py.
"""

import os
from pathlib import Path

from senet_lab.data.first_use import alone, scratch
from senet_lab.data.folder import FOLDER_VARIABLE, data_folder
from senet_lab.data.imagenet_labels import class_index, flat_labels, refuse_permuted
from senet_lab.data.photo_folders import (
    SPLIT_NAMES,
    PhotoList,
    find_split,
    flat_folder,
    flat_photos,
    is_photo,
    photos_of,
)
from senet_lab.data.photos import size_of
from senet_lab.data.places365 import places365
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset

IMAGENETTE = "imagenette2-160"  # the edition whose shorter edges have 160 pixels
IMAGENETTE_PIXELS = 160

Splits = dict[str, PhotoList]

WHOLE = {  # numbers of training photos, validation photos, and classes
    Dataset.IMAGENET: (1_281_167, 50_000, 1000),
    Dataset.IMAGENETTE: (9_469, 3_925, 10),
    Dataset.PLACES365: (1_803_460, 36_500, 365),
}


def named_photos(dataset: Dataset) -> Splits:
    """All training (``train``) and validation (``test``) photos of a named data set.

    Raises StudyError where photos or classes are missing, or where there are too many.
    """
    find = {Dataset.IMAGENET: _imagenet, Dataset.IMAGENETTE: _imagenette, Dataset.PLACES365: places365}
    found = find[dataset]()
    *counts, classes = WHOLE[dataset]
    for split, needed in zip(("train", "test"), counts, strict=True):
        photos = found[split]
        if len(photos) != needed or len(photos.classes) != classes:
            raise StudyError(
                f"{photos.root} has {len(photos):,} images of {len(photos.classes)} classes; {dataset.value} has "
                f"{needed:,} of {classes}: complete it, or name the folder with --data to train on what is there, "
                "under a name of its own"
            )
    check_same_classes(found)
    return found


def check_same_classes(photos: Splits) -> None:
    """Raises StudyError where training and validation photos have different classes."""
    train, test = (set(photos[split].classes) for split in ("train", "test"))
    if train != test:
        name = min(train ^ test)
        has, lacks = ("train", "test") if name in train else ("test", "train")
        raise StudyError(f"class {name} is in {photos[has].root} and not in {photos[lacks].root}; both need each")


def _imagenet() -> Splits:
    root = data_folder() / "imagenet"
    found = {}
    for split, (name, *_) in SPLIT_NAMES.items():
        folder = find_split(root, split)
        if folder is None:
            raise StudyError(
                f"{root / name} is missing: put ImageNet there as {name}/<wnid>/*.JPEG, or set {FOLDER_VARIABLE} to "
                "the folder that holds imagenet/"
            )
        flat = flat_folder(folder) if split == "test" else None
        found[split] = _of_flat(flat, root) if flat else photos_of(folder)
    return found


def _of_flat(folder: Path, root: Path) -> PhotoList:
    """Validation photos as in the archives: in one folder, with a file of labels there or above it, up to ``root``."""
    labels, _ = flat_labels(folder, root, [name for name in os.listdir(folder) if is_photo(name)])
    refuse_permuted([*labels], [class_index()[wnid] for wnid in labels.values()], str(folder))
    return flat_photos(folder, labels)


def _imagenette() -> Splits:
    root = data_folder() / IMAGENETTE
    if not root.is_dir():
        _bring_imagenette(root)
    found = {}
    for split in SPLIT_NAMES:
        folder = find_split(root, split)
        if folder is None:
            raise StudyError(f"{root} has no folder {SPLIT_NAMES[split][0]}; move it away to have it downloaded again")
        found[split] = photos_of(folder)
    width, height = size_of(found["test"].path(0))
    if min(width, height) != IMAGENETTE_PIXELS:
        raise StudyError(
            f"{found['test'].path(0)} is {width} x {height} pixels; the shorter edges of {IMAGENETTE} have "
            f"{IMAGENETTE_PIXELS}"
        )
    return found


def _bring_imagenette(root: Path) -> None:
    """Downloads Imagenette, unless another process has done so by now. Raises StudyError where that fails."""
    from torchvision.datasets import Imagenette

    with alone(root.parent):
        if root.is_dir():
            return
        with scratch(root.parent) as place:
            try:
                Imagenette(place, size="160px", download=True)
                os.replace(place / IMAGENETTE, root)
            except (OSError, RuntimeError) as error:
                raise StudyError(
                    f"imagenette is not in {root} and could not be downloaded ({' '.join(str(error).split())}); set "
                    f"{FOLDER_VARIABLE} to the folder that holds {IMAGENETTE}/"
                ) from None
