"""How a photo is shown to a network that a protocol trained: size, central crop, normalisation."""

from senet_lab.study.protocol import HELD_OUT, Dataset, Protocol
from senet_lab.study.released import View

Triple = tuple[float, float, float]
# Mean and standard deviation of each channel over the training images, as ``channel_statistics`` gives them.
STATISTICS: dict[Dataset, tuple[Triple, Triple]] = {
    Dataset.CIFAR10: ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    Dataset.CIFAR100: ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


def protocol_view(protocol: Protocol) -> View:
    """The view of a protocol's networks: for small images, a photo of their size, normalised as in their training.

    Raises StudyError where it needs the statistics of data that are missing.
    """
    size = protocol.image_size
    if protocol.dataset.of_photos:
        return View(size=size, resize=max(protocol.resize, size))
    mean, std = _statistics(protocol)
    return View(size=size, resize=size, mean=mean, std=std)


def _statistics(protocol: Protocol) -> tuple[Triple, Triple]:
    whole = protocol.evaluation_split != HELD_OUT and not protocol.train_images_per_class
    if whole and protocol.dataset in STATISTICS:
        return STATISTICS[protocol.dataset]
    from senet_lab.data.open import open_arrays

    arrays = open_arrays(protocol)
    (m0, m1, m2), (s0, s1, s2) = arrays.channel_mean, arrays.channel_std
    return (m0, m1, m2), (s0, s1, s2)
