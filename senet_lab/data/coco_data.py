"""CocoData: photos with their boxes, a few at a time. Loader processes decode them, the device does the rest.

C channels, H W space, N boxes. The order of an epoch, and which photos are mirrored, depend on (seed, epoch, photo)
alone. They do not depend on the number of loader processes, nor on how many processes share a batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from senet_lab.data.batches import WHOLE, BatchSource, Share, drawn_for
from senet_lab.data.coco import BoxedPhotos
from senet_lab.data.damaged import ON_ITS_SIDE, Damage, DamagedPhoto, Kind, Skipped
from senet_lab.data.loader_processes import LoaderProcesses, loader_processes
from senet_lab.data.photos import read_photo, stream_of
from senet_lab.study.protocol import Protocol

AHEAD = 4  # chunks that each process may make ahead


@dataclass(frozen=True, slots=True)
class Chunk:
    """Photos that pass through the network together.

    number: the chunk's, within its step. photos: their indices in the split. images: fp32 3 H W from 0 to 1. boxes:
    fp32 N 4 as left, top, right, bottom in pixels. labels: int64 N, from 1. A photo without objects has N = 0.
    """

    number: int
    photos: tuple[int, ...]
    images: tuple[Tensor, ...]
    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]

    @property
    def targets(self) -> list[dict[str, Tensor]]:
        """Boxes and labels as torchvision's detectors take them."""
        return [{"boxes": b, "labels": n} for b, n in zip(self.boxes, self.labels, strict=True)]


Step = list[Chunk]  # this process's part of a batch


@dataclass(frozen=True, slots=True)
class _Wanted:
    number: int
    photos: tuple[int, ...]
    key: int | None  # of the random streams in training; None in evaluation
    flip: bool = False


@dataclass(frozen=True, slots=True)
class _Made:
    pixels: list[Tensor]  # uint8 3 H W
    boxes: list[Tensor]
    labels: list[Tensor]
    damaged: list[Damage]


class _Chunks(Dataset[_Made]):
    """Reads chunks. In training the next good photo takes a damaged one's place; in evaluation the chunk lacks it."""

    def __init__(self, photos: BoxedPhotos) -> None:
        self.photos = photos

    def __getitem__(self, wanted: _Wanted) -> _Made:
        made = _Made([], [], [], [])
        for index in wanted.photos:
            for step in range(len(self.photos) if wanted.key is not None else 1):
                chosen = (index + step) % len(self.photos)
                try:
                    photo = self._read(chosen)
                except DamagedPhoto as error:
                    made.damaged.append(error.damage)
                    if error.kind is Kind.PHOTO:
                        continue
                    break
                self._add(made, photo, chosen, wanted.flip and wanted.key is not None and _mirrored(wanted.key, index))
                break
        return made

    def _read(self, chosen: int) -> Image.Image:
        path, (width, height) = self.photos.path(chosen), self.photos.sizes[chosen].tolist()
        photo = read_photo(path)
        if photo.size != (width, height):
            size = f"{photo.width} x {photo.height} pixels"
            aside = f"; {ON_ITS_SIDE}" * (photo.size == (height, width))
            raise DamagedPhoto(path, f"it is {size}, its annotations say {width} x {height}{aside}")
        return photo

    def _add(self, made: _Made, photo: Image.Image, chosen: int, mirrored: bool) -> None:
        boxes, labels = self.photos.corners(chosen)
        pixels = np.array(photo)
        if mirrored:
            pixels, boxes = pixels[:, ::-1].copy(), boxes.copy()
            boxes[:, [0, 2]] = photo.width - boxes[:, [2, 0]]
            wide = boxes[:, 2] > boxes[:, 0]  # far to the right, fp32 rounds a very narrow box to none
            boxes, labels = boxes[wide], labels[wide]
        made.pixels.append(torch.from_numpy(pixels).permute(2, 0, 1))
        made.boxes.append(torch.from_numpy(boxes))
        made.labels.append(torch.from_numpy(labels))


def _mirrored(key: int, photo: int) -> bool:
    return bool(stream_of(key, photo).random() < 0.5)


class CocoData:
    """Training and evaluation photos of one protocol of detection. sha256: the digests of both splits.

    share: the part of each batch that this process makes, in whole chunks. skip_damaged: as in PhotoData. processes:
    how many load photos; None lets ``loader_processes`` choose. Raises StudyError as PhotoData for damaged photos.
    """

    def __init__(
        self,
        photos: Mapping[str, BoxedPhotos],
        protocol: Protocol,
        device: torch.device,
        *,
        share: Share = WHOLE,
        skip_damaged: bool = False,
        processes: int | None = None,
    ) -> None:
        assert protocol.detection is not None
        self.protocol, self.device, self.photos = protocol, device, photos
        self.together = protocol.detection.images_together
        self.share = share
        self.skipped = Skipped(photos["train"].root, skip_damaged, protocol.photos is not None)
        self.sha256 = {split: found.digest for split, found in photos.items()}
        number = loader_processes(device) if processes is None else processes
        self._loaders: dict[str, LoaderProcesses[_Wanted, _Made]] = {
            split: LoaderProcesses(_Chunks(found), found.root, number, AHEAD) for split, found in photos.items()
        }

    def training_batches(self, seed: int, epoch: int, first: int = 0) -> Iterator[Step]:
        """The steps of one epoch from the ``first`` on. Equal seeds give equal steps in every row of a table."""
        protocol = self.protocol
        order, key = drawn_for(seed, epoch, len(self.photos["train"]))
        mine = self.share.of(np.arange(protocol.batch_size // self.together)).tolist()
        wanted = []
        for step in range(first, protocol.steps_per_epoch):
            batch = order[step * protocol.batch_size :][: protocol.batch_size].reshape(-1, self.together)
            wanted += [_Wanted(number, tuple(batch[number].tolist()), key, protocol.flip) for number in mine]
        chunks = self._chunks("train", wanted)
        for _ in range(first, protocol.steps_per_epoch):
            yield [next(chunks) for _ in mine]

    def test_batches(self) -> Iterator[Chunk]:
        """Every evaluation photo of this process's share, once and in order.

        The same photos pass through the network together in any number of processes, since photos that do are padded
        to one size.
        """
        photos, together = range(len(self.photos["test"])), self.together
        mine = self.share.of(np.arange(-(-len(photos) // together))).tolist()
        parts = [_Wanted(part, tuple(photos[part * together :][:together]), None) for part in mine]
        yield from self._chunks("test", parts)

    def _chunks(self, split: str, wanted: Sequence[_Wanted]) -> Iterator[Chunk]:
        for one, made in zip(wanted, self._loaders[split].made(wanted), strict=True):
            self.skipped.note(made.damaged, len(made.pixels) < len(one.photos))
            images = (pixels.to(self.device, non_blocking=True) for pixels in made.pixels)
            yield Chunk(
                one.number,
                one.photos,
                tuple(image.to(torch.float32) / 255 for image in images),
                tuple(boxes.to(self.device) for boxes in made.boxes),
                tuple(labels.to(self.device) for labels in made.labels),
            )


Source = BatchSource | CocoData  # the data that a run can be trained on
