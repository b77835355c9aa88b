"""Labelled images to look at a network with: an evaluation split in memory, or a folder of class folders.

B batch, C channels, H W space.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode, v2

from senet_lab.data.arrays import ImageArrays
from senet_lab.data.augment import normalise, scale_and_shift
from senet_lab.data.batches import Batch
from senet_lab.data.photo_data import MEAN, STD
from senet_lab.errors import StudyError
from senet_lab.study.protocol import Dataset

SPLITS = {"val": "validation", "test": "test", "train": "training"}
# The paper's four classes (figure of excitations), by its own names.
WNIDS = {"n01443537": "goldfish", "n02110958": "pug", "n02690373": "plane", "n09246464": "cliff"}
NAME_FILES = ("synset_words.txt", "LOC_synset_mapping.txt")  # lines of wnid, space, names


@dataclass(frozen=True, slots=True)
class View:
    """How an ImageNet image is shown to a network: shorter edge, central crop (pixels), and its normalisation."""

    size: int = 224
    resize: int = 256
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    interpolation: str = "bilinear"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A data set's images with labels 0..K-1. class_names: for people; folders: the same classes on disk, if any."""

    dataset: str
    split: str
    class_names: tuple[str, ...]
    images: int
    synthetic: bool
    folders: tuple[str, ...]
    source: "ArrayBatches | FolderBatches"

    def batches(self, device: torch.device) -> Iterator[Batch]:
        """Every image once, in canonical order."""
        return self.source.batches(device)


@dataclass(frozen=True, slots=True)
class ArrayBatches:
    """The test split of arrays, normalised as in training."""

    arrays: ImageArrays
    batch: int = 500

    def batches(self, device: torch.device) -> Iterator[Batch]:
        """Batches of images in channels_last."""
        scale, shift = scale_and_shift(self.arrays.channel_mean, self.arrays.channel_std, device)
        test = self.arrays.test
        for start in range(0, len(test.labels), self.batch):
            part = slice(start, start + self.batch)
            images = torch.from_numpy(test.images[part]).to(device)
            yield normalise(images, scale, shift), torch.from_numpy(test.labels[part]).to(device)


@dataclass(frozen=True, slots=True)
class FolderBatches:
    """Images in class folders."""

    folder: ImageFolder
    view: View
    batch: int = 50
    processes: int = 0

    def batches(self, device: torch.device) -> Iterator[Batch]:
        """Batches of images in channels_last."""
        self.folder.transform = v2.Compose(
            [
                v2.Resize(self.view.resize, InterpolationMode(self.view.interpolation), antialias=True),
                v2.CenterCrop(self.view.size),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(self.view.mean, self.view.std),
            ]
        )
        for images, labels in DataLoader(self.folder, self.batch, num_workers=self.processes):
            yield _moved(images, device), labels.to(device)


def _moved(images_BCHW: Tensor, device: torch.device) -> Tensor:
    return images_BCHW.to(device, memory_format=torch.channels_last)


def open_labelled(data: str, view: View | None = None, test_images: int = 1_000) -> Labelled:
    """The images of this name: synthetic, cifar10, cifar100, or a folder of class folders (or with one in val/).

    test_images: of the synthetic data. Raises StudyError for anything else.
    """
    if data == Dataset.SYNTHETIC:
        from senet_lab.data.synthetic import synthetic

        return _of_arrays(synthetic(1_000, test_images), synthetic=True)
    if data in (Dataset.CIFAR10, Dataset.CIFAR100):
        from senet_lab.data.cifar import cifar

        return _of_arrays(cifar(Dataset(data)))
    if not Path(data).is_dir():
        raise StudyError(f"{data!r} is neither synthetic, cifar10 or cifar100 nor a folder of class folders")
    return _of_folder(Path(data), view or View())


def _of_arrays(arrays: ImageArrays, synthetic: bool = False) -> Labelled:
    images = len(arrays.test.labels)
    return Labelled(arrays.name, "test", arrays.class_names, images, synthetic, (), ArrayBatches(arrays))


def _of_folder(path: Path, view: View) -> Labelled:
    inner = next((path / name for name in SPLITS if (path / name).is_dir()), path)
    try:
        folder = ImageFolder(str(inner))
    except (FileNotFoundError, OSError) as error:
        raise StudyError(
            f"{inner} does not hold class folders with images ({' '.join(str(error).split())[:200]})"
        ) from None
    names = _human_names(path)
    wnids = tuple(folder.classes)
    by_wnid = all(name[0] == "n" and name[1:].isdigit() for name in wnids)
    # Not the folder's own name, which says more of a machine than of the data.
    dataset = "ImageNet" if by_wnid else "class folders"
    readable = tuple(names.get(name, name) for name in wnids)
    unique = readable if len(set(readable)) == len(readable) else wnids
    return Labelled(
        dataset, SPLITS.get(inner.name, "evaluation"), unique, len(folder), False, wnids, FolderBatches(folder, view)
    )


def _human_names(path: Path) -> Mapping[str, str]:
    names: dict[str, str] = {}
    for file in (path / name for name in NAME_FILES):
        if file.is_file():
            lines = (line.partition(" ") for line in file.read_text(encoding="utf-8").splitlines())
            names |= {wnid: text.split(",")[0].strip() for wnid, _, text in lines}
    return names | WNIDS


def class_indices(labelled: Labelled, names: list[str]) -> list[int]:
    """The classes of these names (a person's, or the folders'). Raises StudyError with the nearest name."""
    known = {name: index for index, name in enumerate(labelled.folders)}
    known |= {name: index for index, name in enumerate(labelled.class_names)}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1, cutoff=0)[0]
            raise StudyError(f"{labelled.dataset} has no class {name!r}; the nearest is {near!r}")
    return [known[name] for name in names]
