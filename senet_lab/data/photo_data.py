"""PhotoData: batches of photos that lie in files. Loader processes make the pixels, the device does the rest.

B batch, C channels, H W space. The order of an epoch, and each image's crop, depend on (seed, epoch, image) alone. They
do not depend on the number of loader processes, nor on how many processes share a batch.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from senet_lab.data.augment import normalise_rows, scale_and_shift
from senet_lab.data.batches import WHOLE, Batch, Share, drawn_for
from senet_lab.data.damaged import Skipped
from senet_lab.data.loader_processes import loader_processes
from senet_lab.data.photo_folders import PhotoList
from senet_lab.data.photo_loader import NO_LABEL, Made, Part, PhotoLoader, parts_of
from senet_lab.data.small_photos import SmallPhotos
from senet_lab.study.protocol import Protocol

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's training photos, used for all photos
EVALUATION_BATCH = 100


class PhotoData:
    """Training and validation batches of two lists of photos under one protocol. sha256: the digests of both lists.

    share: the part of each batch that this process makes. skip_damaged: whether the list's next good photo takes the
    place of a damaged training photo; ``skipped`` then lists the damaged one. Without it, and always for a damaged
    validation photo, the batch raises a StudyError that names the photo. processes: how many load photos; None lets
    ``loader_processes`` choose. small: the training photos, resized once.
    """

    def __init__(
        self,
        photos: Mapping[str, PhotoList],
        protocol: Protocol,
        device: torch.device,
        *,
        share: Share = WHOLE,
        skip_damaged: bool = False,
        processes: int | None = None,
        small: SmallPhotos | None = None,
    ) -> None:
        self.protocol, self.device = protocol, device
        self.share = share
        self.skipped = Skipped(photos["train"].root, skip_damaged, protocol.photos is not None)
        self.photos = photos
        self.sha256 = {split: found.digest for split, found in photos.items()}
        if small:
            self.sha256["train, small photos"] = small.digest()
        self._scale, self._shift = scale_and_shift(MEAN, STD, device)
        number, pinned = loader_processes(device) if processes is None else processes, device.type == "cuda"
        self._train = PhotoLoader(photos["train"], number, pinned, protocol.batch_size, small)
        self._test = PhotoLoader(photos["test"], number, pinned, EVALUATION_BATCH)

    def training_batches(self, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of one epoch from the ``first`` on. Equal seeds give equal batches in every row of a table.

        A last, partial batch is left out.
        """
        protocol = self.protocol
        order, key = drawn_for(seed, epoch, len(self.photos["train"]))
        size = protocol.training_size(epoch)
        steps = range(first, protocol.steps_per_epoch)
        batches = [self.share.of(order[step * protocol.batch_size :][: protocol.batch_size]) for step in steps]
        parts = [Part(indices, size, key, protocol.flip) for batch in batches for indices in parts_of(batch)]
        yield from self._batches(self._train.parts(parts), batches, size)

    def test_batches(self) -> Iterator[Batch]:
        """Every validation image of this process's share, once and in canonical order."""
        protocol = self.protocol
        images = self.share.of(np.arange(len(self.photos["test"])))
        batches = [images[start : start + EVALUATION_BATCH] for start in range(0, len(images), EVALUATION_BATCH)]
        parts = [
            Part(indices, protocol.image_size, resize=protocol.resize)
            for batch in batches
            for indices in parts_of(batch)
        ]
        yield from self._batches(self._test.parts(parts), batches, protocol.image_size)

    def _batches(self, made: Iterator[Made], batches: Sequence[NDArray[np.int64]], size: int) -> Iterator[Batch]:
        for batch in batches:
            images = torch.empty(len(batch), size, size, 3, dtype=torch.uint8, device=self.device)
            labels = torch.empty(len(batch), dtype=torch.int64, device=self.device)
            done = 0
            while done < len(batch):
                pixels, classes, damaged = next(made)
                self.skipped.note(damaged, bool((classes == NO_LABEL).any()))
                images[done : done + len(pixels)].copy_(pixels, non_blocking=True)
                labels[done : done + len(pixels)].copy_(classes, non_blocking=True)
                done += len(pixels)
            yield normalise_rows(images, self._scale, self._shift), labels
