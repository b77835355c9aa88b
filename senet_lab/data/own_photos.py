"""A user's own photos: a folder with ``train/<class>/`` and ``val/<class>/`` as the data set of any photo recipe.

The resulting protocol holds the folder's name, the numbers of photos and classes, and a digest of the files. So a
record says which photos it is about, and other photos make another cell. The folder's path is not part of it.
"""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from senet_lab.data.imagenet import Splits, check_same_classes
from senet_lab.data.photo_folders import SPLIT_NAMES, PhotoList, find_split, photos_of
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset, PhotoSet, Protocol
from senet_lab.study.schedule import Schedule

DIGEST_LENGTH = 16  # hexadecimal digits
LONGEST_NAME = 40
DATA = "data: "  # the beginning of a departure that is about a recipe's data set
# Names of published data sets, which a user's folder must not have.
PUBLISHED = re.compile(
    r"imagenet[-_]?(1k|2012|21k)?|ilsvrc.*|imagenette2?(-160|-320)?|places[-_]?365.*|cifar[-_]?100?", re.IGNORECASE
)


def own_photos(recipe: Protocol, folder: Path) -> Protocol:
    """The protocol ``<folder>-by-<recipe>``: a recipe on the photos of a user's folder.

    Raises StudyError for a folder without photos in class folders, and where the recipe cannot be trained on them.
    """
    if not recipe.dataset.of_photos:
        raise StudyError(f"protocol {recipe.name} is of images in memory; photos need a recipe such as imagenette")
    photos = _photos(folder)
    train, test = photos["train"], photos["test"]
    name, images = name_of(folder), recipe.train_images_per_class * len(train.classes) or len(train)
    _refuse_few(train, recipe)
    others = [departure for departure in recipe.departures if not departure.startswith(DATA)]
    described = f"{len(train.classes)} classes, {len(train):,} training and {len(test):,} validation photos"
    try:
        return replace(
            recipe,
            name=f"{name}-by-{recipe.name}",
            dataset=Dataset.FOLDER,
            photos=PhotoSet(name, digest_of(photos)),
            num_classes=len(train.classes),
            train_images=images,
            test_images=len(test),
            schedule=_as_many_epochs(recipe, images),
            evaluation_split="validation",
            title=f"photos of the folder {name} ({described}), recipe of {recipe.name}",
            departures=(f"{DATA}photos of the folder {name} in place of {recipe.dataset.value}", *others),
        )
    except ValueError as error:
        raise StudyError(f"{folder} has {described}: {error}") from None


def _refuse_few(train: PhotoList, recipe: Protocol) -> None:
    """Raises StudyError where a recipe on a fixed number of photos of each class finds fewer."""
    counts = np.bincount(train.labels, minlength=len(train.classes))
    if counts.min() < recipe.train_images_per_class:
        name = train.classes[int(counts.argmin())]
        raise StudyError(
            f"{train.root / name} has {counts.min()} photos; {recipe.name} trains on {recipe.train_images_per_class} "
            "of each class. Add photos, or take a recipe on all of them, such as --protocol imagenette"
        )


def _as_many_epochs(recipe: Protocol, images: int) -> Schedule:
    """The recipe's schedule, with its warm-up in the steps of this data set: it takes as many epochs as before."""
    steps = recipe.schedule.warmup_steps * (images // recipe.batch_size) / recipe.steps_per_epoch
    return replace(recipe.schedule, warmup_steps=round(steps))


def open_own_photos(protocol: Protocol, folder: Path | None) -> Splits:
    """The photos of a protocol that ``own_photos`` made. Raises StudyError where this folder does not have them."""
    assert protocol.photos is not None
    if folder is None:
        raise StudyError(f"{protocol.name} is about the photos {protocol.photos.name}; say with --data where they lie")
    photos = _photos(folder)
    if digest_of(photos) != protocol.photos.digest:
        raise StudyError(f"{folder} has other files than those that {protocol.name} is about; restore them")
    return photos


def digest_of(photos: Splits) -> str:
    """The digest of both splits: of the classes, and of each file's name and size."""
    return hashlib.sha256(f"{photos['train'].digest} {photos['test'].digest}".encode()).hexdigest()[:DIGEST_LENGTH]


def name_of(folder: Path) -> str:
    """The folder's name with the letters that file names and tables allow; never the name of a published data set."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", folder.resolve().name).strip("-.")[:LONGEST_NAME].strip("-.") or "photos"
    return f"own-{name}" if PUBLISHED.fullmatch(name) else name


def _photos(folder: Path) -> Splits:
    if not folder.is_dir():
        raise StudyError(f"{folder} is no folder; --data names one with train/<class>/ and val/<class>/")
    found = {}
    for split, names in SPLIT_NAMES.items():
        inner = find_split(folder, split)
        if inner is None:
            raise StudyError(f"{folder} has no folder {names[0]}/ with class folders; photos need both train/ and val/")
        found[split] = photos_of(inner)
    check_same_classes(found)
    if len(found["train"].classes) < 2:
        raise StudyError(f"{found['train'].root} has one class; there is nothing to tell apart")
    return found
