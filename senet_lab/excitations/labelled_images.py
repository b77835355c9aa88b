"""Labelled images for a capture: an evaluation split in memory, or a folder of class folders.

B batch, C channels, H W space.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision.transforms import v2

from senet_lab.data.arrays import ImageArrays
from senet_lab.data.augment import normalise, scale_and_shift
from senet_lab.data.batches import Batch
from senet_lab.data.central_crop import central_crop
from senet_lab.data.damaged import DamagedPhoto
from senet_lab.data.imagenet_labels import WNID
from senet_lab.data.imagenet_labels import wnids as imagenet_wnids
from senet_lab.data.photo_folders import SPLIT_NAMES, PhotoList, find_split, holds_folders, photos_of, visible
from senet_lab.data.photos import read_photo
from senet_lab.data.places365 import LISTS
from senet_lab.errors import StudyError
from senet_lab.evaluation.photo_set import PhotoSet
from senet_lab.excitations.class_names import readable_names
from senet_lab.loading import begin_pass
from senet_lab.machine import cores, enough_shared_memory, living_processes
from senet_lab.study.names import nearest
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.released import View

NAMES = (Dataset.SYNTHETIC, Dataset.CIFAR10, Dataset.CIFAR100)  # of images in memory
IMAGENET_VALIDATION = (1000, 50_000, "validation")  # classes, images, split
FEW_IMAGES = 2_000  # for fewer images, starting processes takes longer than decoding


@dataclass(frozen=True, slots=True)
class Labelled:
    """A data set's images with labels from 0 to K - 1.

    class_names: readable names. image_counts: images of each class. folders: names of the class folders, if there are
    any. source: makes the batches; None where an evaluation shows the images. digest: tells other images of the same
    data set apart; empty where there is but one set of them.
    """

    dataset: str
    split: str
    class_names: tuple[str, ...]
    image_counts: tuple[int, ...]
    synthetic: bool
    folders: tuple[str, ...]
    source: "ArrayBatches | FolderBatches | None"
    digest: str = ""

    @property
    def images(self) -> int:
        """The number of images."""
        return sum(self.image_counts)

    def batches(self, device: torch.device) -> Iterator[Batch]:
        """Batches of all images, each image once, in canonical order. Needs a source."""
        assert self.source is not None
        return self.source.batches(device)


@dataclass(frozen=True, slots=True)
class ArrayBatches:
    """The test split of a data set in memory, normalised by the arrays' statistics."""

    arrays: ImageArrays
    batch: int = 500

    def batches(self, device: torch.device) -> Iterator[Batch]:
        """Batches of images B 3 H W, fp32 in channels_last, with labels B."""
        scale, shift = scale_and_shift(self.arrays.channel_mean, self.arrays.channel_std, device)
        test = self.arrays.test
        for start in range(0, len(test.labels), self.batch):
            part = slice(start, start + self.batch)
            images = torch.from_numpy(test.images[part]).to(device)
            yield normalise(images, scale, shift), torch.from_numpy(test.labels[part]).to(device)


class Photos(TorchDataset[tuple[Tensor, int]]):
    """Photos of class folders as a view shows them, and their labels. A damaged photo is a StudyError."""

    def __init__(self, photos: PhotoList, view: View) -> None:
        self.photos, self.view = photos, view
        self.normalised = v2.Compose(
            [
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(view.mean, view.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path = self.photos.path(index)
        try:
            image = read_photo(path)
        except DamagedPhoto as error:
            raise StudyError(error.damage.mended) from None
        pixels = central_crop(image, *self.view.geometry)
        return self.normalised(pixels), int(self.photos.labels[index])


@dataclass(frozen=True, slots=True)
class FolderBatches:
    """Images in class folders. view: how they are resized and cropped. processes: how many decode; 0 for this one."""

    photos: PhotoList
    view: View
    batch: int = 50
    processes: int = 0

    def batches(self, device: torch.device) -> Iterator[Batch]:
        """Batches of images B 3 H W, fp32 in channels_last, with labels B. Raises StudyError for an image that cannot
        be read."""
        loader = DataLoader(Photos(self.photos, self.view), self.batch, num_workers=self.processes)
        try:
            with living_processes(f"photos of {self.photos.root}"), enough_shared_memory():
                for images, labels in begin_pass(loader):
                    yield _moved(images, device), labels.to(device)
        except StudyError as error:  # from a loader process it is a traceback whose last line holds the text
            raise StudyError(str(error).strip().splitlines()[-1].partition("StudyError: ")[2] or str(error)) from None


def _moved(images_BCHW: Tensor, device: torch.device) -> Tensor:
    return images_BCHW.to(device, memory_format=torch.channels_last)


def open_labelled(data: str, view: View | None = None) -> Labelled:
    """The images of this name: synthetic, cifar10, cifar100, or a folder of photos (``data.photo_folders``).

    view: how photos are shown, and how images in memory are normalised; without it, photos as to most ImageNet
    networks, and images in memory by their own training images. Raises StudyError for any other name.
    """
    if data == Dataset.SYNTHETIC:
        from senet_lab.data.synthetic import synthetic

        return _of_arrays(_normalised_by(view, synthetic(1_000, 1_000)), synthetic=True)
    if data in (Dataset.CIFAR10, Dataset.CIFAR100):
        from senet_lab.data.cifar import cifar

        return _of_arrays(_normalised_by(view, cifar(Dataset(data))))
    if not Path(data).is_dir():
        raise StudyError(f"{data!r} is neither synthetic, cifar10 or cifar100 nor a folder of class folders")
    return _of_folder(Path(data), view or View())


def _normalised_by(view: View | None, arrays: ImageArrays) -> ImageArrays:
    return replace(arrays, channel_mean=view.mean, channel_std=view.std) if view else arrays


def of_protocol(protocol: Protocol) -> Labelled:
    """The images in memory that networks of a protocol are evaluated on, normalised as in their training."""
    from senet_lab.data.open import open_arrays

    return _of_arrays(open_arrays(protocol), protocol.synthetic, protocol.evaluation_split)


def _of_arrays(arrays: ImageArrays, synthetic: bool = False, split: str = "test") -> Labelled:
    counts = tuple(np.bincount(arrays.test.labels, minlength=len(arrays.class_names)).tolist())
    return Labelled(arrays.name, split, arrays.class_names, counts, synthetic, (), ArrayBatches(arrays))


def _of_folder(path: Path, view: View) -> Labelled:
    if (path / LISTS["test"][0]).is_file():
        raise StudyError(
            f"{path} holds Places365 by its authors' lists, which alone say the classes; name places365_standard, "
            "whose photos lie in class folders"
        )
    inner = _split_of(path)
    photos = photos_of(inner)
    wnids = photos.classes
    by_wnid = all(WNID.match(name) for name in wnids)
    split = IMAGENET_VALIDATION[2] if inner.name in SPLIT_NAMES["test"] else ""
    # The folder's own name is not used, since it tells about the machine. Only the whole validation set is called
    # ImageNet.
    dataset = "a folder of ImageNet's classes" if by_wnid else "class folders"
    if by_wnid and (len(wnids), len(photos), split) == IMAGENET_VALIDATION:
        dataset = "ImageNet"
    counts = tuple(np.bincount(photos.labels, minlength=len(wnids)).tolist())
    source = FolderBatches(photos, view, processes=0 if len(photos) < FEW_IMAGES else cores())
    split = split if dataset == "ImageNet" else ""
    return Labelled(dataset, split, readable_names(path, wnids), counts, False, wnids, source, photos.digest)


def _split_of(path: Path) -> Path:
    """The folder of a split in a data set's folder, else the folder itself. Validation photos come first.

    A class may have a split's name. It holds photos, a split holds folders; a split without folders is flat.
    """
    places = [place for place in (find_split(path, "test"), path / "test", find_split(path, "train")) if place]
    places = [place for place in places if place.is_dir()]
    folders = {entry.name for entry in os.scandir(path) if entry.is_dir() and visible(entry.name)}
    only_splits = folders <= {*SPLIT_NAMES["test"], *SPLIT_NAMES["train"], "test"}
    if only_splits or any(holds_folders(place) for place in places):
        return next(iter(places), path)
    return path


def of_photo_set(photos: PhotoSet, path: Path) -> Labelled:
    """ImageNet's classes and the number of photos of each, of an evaluation's photos. path: the photos' folder."""
    unique = readable_names(path, imagenet_wnids())
    images = np.bincount([photo.label for photo in photos.photos], minlength=len(unique)).tolist()
    dataset, split = ("ImageNet", IMAGENET_VALIDATION[2]) if photos.whole else ("a folder of ImageNet's classes", "")
    return Labelled(dataset, split, unique, tuple(images), False, imagenet_wnids(), None, photos.digest)


def class_indices(labelled: Labelled, names: list[str]) -> list[int]:
    """The labels of these classes, by readable name or folder name.

    Raises StudyError for an unknown name, with the nearest one, and for a class without images.
    """
    known = {name: index for index, name in enumerate(labelled.folders)}
    known |= {name: index for index, name in enumerate(labelled.class_names)}
    for name in names:
        if name not in known:
            raise StudyError(f"{labelled.dataset} has no class {name!r}; the nearest is {nearest(name, known)!r}")
        if not labelled.image_counts[known[name]]:
            raise StudyError(f"{labelled.dataset} has no image of class {name!r}")
    return [known[name] for name in names]
