"""A data set that is resident on a device as uint8. Images are padded once, and batches are made on the device.

B batch, C channels, H W space, N images.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from senet_lab.data.arrays import ImageArrays, Split
from senet_lab.data.augment import Draws, crop_and_flip, draw, normalise, scale_and_shift
from senet_lab.data.batches import WHOLE, Batch, Share
from senet_lab.data.cutout import cut, draw_centres
from senet_lab.errors import StudyError
from senet_lab.study.cell import derive_seed
from senet_lab.study.protocol import Crop, Protocol

EVALUATION_BATCH = {"cpu": 500, "cuda": 2_000}  # by device: on a GPU, small batches take as long as large ones


class ResidentData:
    """Training and test batches of one data set under one protocol. share: the part of each batch that is made here.

    Raises StudyError where the data set has more or fewer images or classes than the protocol says.
    """

    def __init__(self, arrays: ImageArrays, protocol: Protocol, device: torch.device, share: Share = WHOLE) -> None:
        found, said = (len(arrays.train.labels), len(arrays.test.labels)), (protocol.train_images, protocol.test_images)
        if found != said:
            raise StudyError(
                f"{arrays.name} has {found[0]} training and {found[1]} test images; "
                f"{protocol.name} says {said[0]} and {said[1]}"
            )
        if len(arrays.class_names) != protocol.num_classes:
            raise StudyError(
                f"{arrays.name} has {len(arrays.class_names)} classes; {protocol.name} says {protocol.num_classes}"
            )
        self.protocol = protocol
        self.share = share
        self.skipped: dict[str, str] = {}
        self.device = device
        self.sha256 = {"train": arrays.train.sha256, "test": arrays.test.sha256}
        self._scale, self._shift = scale_and_shift(arrays.channel_mean, arrays.channel_std, device)
        self._train = _padded(arrays.train, protocol).to(device)
        self._train_labels = torch.from_numpy(arrays.train.labels).to(device)
        self._test = torch.from_numpy(arrays.test.images).to(device)
        self._test_labels = torch.from_numpy(arrays.test.labels).to(device)

    def draws(self, seed: int, epoch: int) -> Draws:
        """The random choices of one epoch, on the device, for whole batches only. Equal seeds give equal choices in
        every row of a table."""
        protocol = self.protocol
        generator = torch.Generator().manual_seed(derive_seed(seed, "batches", epoch))
        drawn = draw(len(self._train_labels), protocol.crop_padding, protocol.flip, generator)
        drawn = drawn.at(slice(0, protocol.steps_per_epoch * protocol.batch_size))
        if protocol.cutout:
            size, batch = protocol.image_size, protocol.batch_size
            centres = [draw_centres(batch, size, size, generator).T for _ in range(protocol.steps_per_epoch)]
            drawn = replace(drawn, centres_N2=torch.cat(centres))
        return drawn.to(self.device)

    def batch(self, draws: Draws) -> Batch:
        """The batch that these draws make."""
        cropped = crop_and_flip(self._train, draws, self.protocol.image_size)
        images = normalise(cropped, self._scale, self._shift)
        if draws.centres_N2 is not None:
            images = cut(images, draws.centres_N2.T, self.protocol.cutout)
        return images, self._train_labels[draws.order_N]

    def training_batches(self, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from the ``first`` on. Equal seeds give equal batches in every row of a table.

        A last, partial batch is left out.
        """
        draws, batch = self.draws(seed, epoch), self.protocol.batch_size
        for step in range(first, self.protocol.steps_per_epoch):
            yield self.batch(draws.at(self.share.between(step * batch, (step + 1) * batch)))

    def test_batches(self) -> Iterator[Batch]:
        """Every test image of this process's share, once and in canonical order."""
        batch, mine = EVALUATION_BATCH[self.device.type], self.share.between(0, len(self._test_labels))
        for start in range(mine.start, mine.stop, batch):
            stop = min(start + batch, mine.stop)
            yield normalise(self._test[start:stop], self._scale, self._shift), self._test_labels[start:stop]


def _padded(split: Split, protocol: Protocol) -> Tensor:
    images = torch.from_numpy(split.images)
    padding = (protocol.crop_padding,) * 4
    if not protocol.crop_padding:
        return images
    if protocol.crop is Crop.REFLECT_CROP:
        nchw = images.permute(0, 3, 1, 2).to(torch.float32)
        return F.pad(nchw, padding, mode="reflect").to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    return F.pad(images, (0, 0, *padding))
