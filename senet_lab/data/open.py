"""Opens the data set that a protocol names."""

import torch

from senet_lab.data.arrays import ImageArrays, held_out
from senet_lab.data.batches import BatchSource
from senet_lab.errors import StudyError
from senet_lab.study.protocol import HELD_OUT, Dataset, Protocol


def open_source(protocol: Protocol, device: torch.device) -> BatchSource:
    """The data of a protocol. Raises StudyError where it is missing, damaged or of another size."""
    if protocol.dataset.of_photos:
        from senet_lab.data.imagenet import ImageNetFolder

        return ImageNetFolder(protocol, device)
    from senet_lab.data.resident import ResidentData

    return ResidentData(open_arrays(protocol), protocol, device)


def open_arrays(protocol: Protocol) -> ImageArrays:
    """The data set of a protocol of small images, or its training images where the protocol holds some of them out.

    Raises StudyError as ``open_source``, and for a data set of photos before anything of it is read or downloaded.
    """
    if protocol.dataset.of_photos:
        raise StudyError(
            f"protocol {protocol.name} is of photos ({protocol.dataset.value}), which do not fit into memory; this "
            "needs a protocol of 32 x 32 images"
        )
    whole = _whole_set(protocol)
    return held_out(whole) if protocol.evaluation_split == HELD_OUT else whole


def _whole_set(protocol: Protocol) -> ImageArrays:
    if protocol.dataset is Dataset.SYNTHETIC:
        from senet_lab.data.synthetic import synthetic

        return synthetic(protocol.train_images, protocol.test_images)
    from senet_lab.data.cifar import cifar

    return cifar(protocol.dataset)
