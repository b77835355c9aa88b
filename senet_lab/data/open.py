"""Opens the data set that a protocol names."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from senet_lab import extensions
from senet_lab.data.arrays import ImageArrays, held_out
from senet_lab.data.batches import WHOLE, BatchSource, Share
from senet_lab.data.photo_folders import PhotoList
from senet_lab.data.small_photos import small_photos
from senet_lab.data.subset import fewer_arrays, fewer_photos
from senet_lab.errors import StudyError
from senet_lab.study.protocol import HELD_OUT, Dataset, Protocol

if TYPE_CHECKING:
    from senet_lab.data.coco_data import CocoData


def open_source(
    protocol: Protocol,
    device: torch.device,
    *,
    folder: Path | None = None,
    share: Share = WHOLE,
    skip_damaged: bool = False,
    loaders: int | None = None,
) -> BatchSource:
    """The data of a protocol of classification.

    folder: where a user's own photos lie. share: the part of each batch that this process makes. skip_damaged: see
    PhotoData. loaders: how many processes load photos; None for as many as there are cores for them. Raises StudyError
    for a protocol of detection, or with values that cannot be meant, for a share that would be empty, and for data that
    are missing, damaged, or not as many as the protocol says.
    """
    if protocol.detection is not None:
        raise StudyError(f"protocol {protocol.name} is of photos with boxes; this needs photos with classes")
    _check_meant(protocol)
    share.check(protocol)  # before anything is read or downloaded
    if protocol.dataset.of_photos:
        from senet_lab.data.photo_data import PhotoData

        photos, small = open_photos(protocol, folder), None
        if protocol.small_photos:
            small = small_photos(photos["train"], protocol.small_photos, skip_damaged=skip_damaged)
        return PhotoData(
            photos, protocol, device, share=share, skip_damaged=skip_damaged, processes=loaders, small=small
        )
    from senet_lab.data.resident import ResidentData

    return ResidentData(open_arrays(protocol), protocol, device, share)


def open_coco(
    protocol: Protocol,
    device: torch.device,
    *,
    folder: Path | None = None,
    share: Share = WHOLE,
    skip_damaged: bool = False,
    loaders: int | None = None,
) -> "CocoData":
    """The data of a protocol of detection. Arguments and errors are those of ``open_source``."""
    from senet_lab.data.coco_data import CocoData
    from senet_lab.data.coco_sets import open_boxes

    _check_meant(protocol)
    share.check(protocol)
    own = folder or extensions.folder_of(str(protocol.photos and protocol.photos.name))
    splits = open_boxes(protocol, own)
    return CocoData(splits, protocol, device, share=share, skip_damaged=skip_damaged, processes=loaders)


def _check_meant(protocol: Protocol) -> None:
    try:
        protocol.check_meant()
    except ValueError as error:
        raise StudyError(str(error)) from None


def open_photos(protocol: Protocol, folder: Path | None = None) -> dict[str, PhotoList]:
    """The lists of training (``train``) and validation (``test``) photos of a protocol. Raises as ``open_source``."""
    if protocol.dataset is Dataset.FOLDER:
        from senet_lab.data.own_photos import open_own_photos

        found = open_own_photos(protocol, folder or extensions.folder_of(str(protocol.photos and protocol.photos.name)))
    else:
        from senet_lab.data.imagenet import named_photos

        found = named_photos(protocol.dataset)
    found["train"] = fewer_photos(found["train"], protocol.train_images_per_class)
    for split, said in (("train", protocol.train_images), ("test", protocol.test_images)):
        if len(found[split]) != said or len(found[split].classes) != protocol.num_classes:
            raise StudyError(
                f"{found[split].root} has {len(found[split]):,} images of {len(found[split].classes)} classes; "
                f"{protocol.name} says {said:,} of {protocol.num_classes}"
            )
    return found


def open_arrays(protocol: Protocol) -> ImageArrays:
    """The data set of a protocol of small images. It is ``held_out`` where the protocol holds training images out.

    Raises StudyError as ``open_source``. For a protocol of photos it does so before anything is read or downloaded.
    """
    if protocol.dataset.of_photos:
        raise StudyError(
            f"protocol {protocol.name} is of photos ({protocol.dataset.value}), which do not fit into memory; this "
            "needs a protocol of 32 x 32 images"
        )
    whole = _whole_set(protocol)
    part = held_out(whole) if protocol.evaluation_split == HELD_OUT else whole
    return fewer_arrays(part, protocol.train_images_per_class)


def _whole_set(protocol: Protocol) -> ImageArrays:
    if protocol.dataset is Dataset.SYNTHETIC:
        from senet_lab.data.synthetic import synthetic

        held = protocol.test_images if protocol.evaluation_split == HELD_OUT else 0
        return synthetic(protocol.train_images + held, protocol.test_images)
    from senet_lab.data.cifar import cifar

    return cifar(protocol.dataset)
