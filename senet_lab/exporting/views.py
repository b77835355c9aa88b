"""How a user's photo is shown to a trained network, and the names of the network's classes."""

from pathlib import Path

from senet_lab.data.cifar_names import CLASSES
from senet_lab.data.protocol_view import protocol_view
from senet_lab.errors import StudyError
from senet_lab.exporting.trained import Trained
from senet_lab.study.protocol import Dataset, Protocol
from senet_lab.study.released import View

UNNAMED = (Dataset.IMAGENETTE, Dataset.PLACES365)  # their classes are the folders of data that may not be here
UNKNOWN = "images are normalised as in its training, which is not known here"


def view_of(trained: Trained) -> View:
    """How a photo is shown to the network. Raises StudyError where that is not known, or where it needs the statistics
    of data that are missing."""
    protocol = trained.protocol
    if protocol is None:
        if trained.view is None:
            raise StudyError(f"{trained.source}: {UNKNOWN}; so it cannot be applied to photos")
        return trained.view
    return protocol_view(protocol)


def class_names(trained: Trained, data: Path | None = None) -> tuple[str, ...]:
    """The names of the classes, in the order of the logits.

    data: the folder of photos that the network was trained on, if they were a user's own. Raises StudyError where the
    names are part of data that are missing, where their number is not that of the network's classes, and for ``data``
    that are not asked for.
    """
    _refuse_unasked(trained, data)
    if trained.class_names is not None:
        return trained.class_names
    protocol = trained.protocol
    names = _imagenet(trained.num_classes) if protocol is None else _of_protocol(protocol, data)
    if len(names) != trained.num_classes:
        raise StudyError(f"{trained.source} has {trained.num_classes} classes, and {len(names)} names are known")
    return names


def known_class_names(trained: Trained, data: Path | None = None) -> tuple[str, ...] | None:
    """As ``class_names``; None where nothing tells them, and nothing is downloaded for it.

    Raises StudyError for ``data`` that do not fit, or that are not asked for.
    """
    protocol = trained.protocol
    _refuse_unasked(trained, data)
    if trained.class_names is None and (trained.by_file or (protocol and protocol.dataset in UNNAMED)):
        return None
    try:
        return class_names(trained, data)
    except StudyError:
        if data is not None:
            raise
        return None


def _refuse_unasked(trained: Trained, data: Path | None) -> None:
    if data is not None and (trained.protocol is None or trained.protocol.dataset is not Dataset.FOLDER):
        raise StudyError(
            f"--data names the classes of a user's own photos, and {trained.source} was not trained on such"
        )


def _of_protocol(protocol: Protocol, data: Path | None) -> tuple[str, ...]:
    dataset = protocol.dataset
    if dataset in CLASSES:
        return CLASSES[dataset]
    if dataset is Dataset.IMAGENET:
        return _imagenet(protocol.num_classes)
    if dataset is Dataset.SYNTHETIC:
        return tuple(f"texture {k}" for k in range(protocol.num_classes))
    from senet_lab.data.open import open_photos

    return tuple(_readable(name) for name in open_photos(protocol, data)["test"].classes)


def _imagenet(classes: int) -> tuple[str, ...]:
    """ImageNet's class names for 1000 classes, otherwise numbers."""
    if classes != 1000:
        return tuple(f"class {k}" for k in range(classes))
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])


def _readable(name: str) -> str:
    """The name of an ImageNet class for its WordNet id; any other name stays as it is."""
    from senet_lab.data.imagenet_labels import class_index

    index = class_index().get(name)
    return name if index is None else _imagenet(1000)[index]
