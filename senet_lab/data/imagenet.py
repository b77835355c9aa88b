"""ImageNet as folders: ``<data folder>/imagenet/{train,val}/<wnid>/*.JPEG``.

The canonical order is by class folder, then by file name. The choices for an image derive from (seed, epoch,
image), so they do not depend on the number of loading processes.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from senet_lab.data.batches import Batch
from senet_lab.data.folder import FOLDER_VARIABLE, data_folder
from senet_lab.errors import StudyError
from senet_lab.machine import cores
from senet_lab.study.cell import derive_seed
from senet_lab.study.protocol import Protocol

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CROP_AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)
EVALUATION_BATCH = 100
FOLDERS = {"train": "train", "test": "val"}


class _Epoch(Dataset[tuple[Tensor, int]]):
    """Training images of one epoch in their order, each with its own random stream."""

    def __init__(self, folder: ImageFolder, protocol: Protocol, seed: int, epoch: int) -> None:
        self.folder, self.seed, self.epoch = folder, seed, epoch
        generator = torch.Generator().manual_seed(derive_seed(seed, "batches", epoch))
        self.order: Sequence[int] = torch.randperm(len(folder), generator=generator).tolist()
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(protocol.image_size, scale=CROP_AREA, ratio=ASPECT, antialias=True),
                v2.RandomHorizontalFlip(0.5 if protocol.flip else 0.0),
                *_to_tensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        index = self.order[position]
        image, label = self.folder[index]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, "augment", self.epoch, index))
            return self.transform(image), label


class _Centre(Dataset[tuple[Tensor, int]]):
    """Evaluation images: shorter edge to ``resize``, then the central crop."""

    def __init__(self, folder: ImageFolder, protocol: Protocol) -> None:
        self.folder = folder
        self.transform = v2.Compose(
            [v2.Resize(protocol.resize, antialias=True), v2.CenterCrop(protocol.image_size), *_to_tensor()]
        )

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = self.folder[index]
        return self.transform(image), label


def _to_tensor() -> list[v2.Transform]:
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]


class ImageNetFolder:
    """Batches of ImageNet. sha256 is over the names and sizes of the files, not their bytes.

    Raises StudyError where a folder is missing or does not hold what the protocol says.
    """

    def __init__(self, protocol: Protocol, device: torch.device) -> None:
        self.protocol, self.device = protocol, device
        root = data_folder() / "imagenet"
        self._train = _folder(root / FOLDERS["train"], protocol, protocol.train_images)
        self._test = _folder(root / FOLDERS["test"], protocol, protocol.test_images)
        self.sha256 = {"train": _names_sha256(self._train), "test": _names_sha256(self._test)}

    def training_batches(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch: the same for the same seed in every row. The last, partial batch is left out."""
        yield from self._load(_Epoch(self._train, self.protocol, seed, epoch), self.protocol.batch_size, True)

    def test_batches(self) -> Iterator[Batch]:
        """Every validation image once, in canonical order."""
        yield from self._load(_Centre(self._test, self.protocol), EVALUATION_BATCH, False)

    def _load(self, images: Dataset[tuple[Tensor, int]], batch: int, drop_last: bool) -> Iterator[Batch]:
        cuda = self.device.type == "cuda"
        loader = DataLoader(images, batch, drop_last=drop_last, num_workers=cores(), pin_memory=cuda)
        for images_BCHW, labels in loader:
            images_BCHW = images_BCHW.to(self.device, memory_format=torch.channels_last, non_blocking=True)
            yield images_BCHW, labels.to(self.device, non_blocking=True)


def _folder(path: Path, protocol: Protocol, expected: int) -> ImageFolder:
    if not path.is_dir():
        raise StudyError(
            f"{path} is missing: put ImageNet there as {path.name}/<wnid>/*.JPEG, or set {FOLDER_VARIABLE} to the "
            "folder that holds imagenet/"
        )
    try:
        folder = ImageFolder(str(path))
    except FileNotFoundError as error:
        raise StudyError(
            f"{path} does not hold class folders with images ({' '.join(str(error).split())[:200]})"
        ) from None
    if len(folder.classes) != protocol.num_classes or len(folder) != expected:
        raise StudyError(
            f"{path} has {len(folder):,} images of {len(folder.classes)} classes; {protocol.name} needs "
            f"{expected:,} of {protocol.num_classes}: complete it"
        )
    return folder


def _names_sha256(folder: ImageFolder) -> str:
    digest = hashlib.sha256()
    for path, label in folder.samples:
        digest.update(f"{Path(path).name}\t{label}\t{os.path.getsize(path)}\n".encode())
    return digest.hexdigest()
