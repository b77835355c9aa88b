"""The rule for fewer training images: a fixed number of each class, evenly spaced in canonical order. N images."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from senet_lab.data.arrays import ImageArrays, Split, channel_statistics
from senet_lab.data.photo_folders import PhotoList
from senet_lab.errors import StudyError


def evenly_of_each_class(labels: NDArray[np.int64], number: int, name: str) -> NDArray[np.int64]:
    """The indices of ``number`` images of each class, ascending, from labels N. name: of the data set, for the error.

    Raises StudyError where a class has fewer images.
    """
    chosen = []
    for label in np.unique(labels):
        (of_class,) = np.nonzero(labels == label)
        if len(of_class) < number:
            raise StudyError(f"{name} has {len(of_class)} training images of class {label}; {number} are asked for")
        chosen.append(of_class[np.arange(number) * len(of_class) // number])
    return np.sort(np.concatenate(chosen))


def fewer_photos(photos: PhotoList, number: int) -> PhotoList:
    """``number`` photos of each class; all photos for 0. Raises StudyError where a class has fewer."""
    if not number:
        return photos
    part = evenly_of_each_class(photos.labels, number, str(photos.root))
    return replace(photos, files=photos.files[part], labels=photos.labels[part], sizes=photos.sizes[part])


def fewer_arrays(arrays: ImageArrays, number: int) -> ImageArrays:
    """A data set with ``number`` training images of each class, or with all for 0. Channel statistics are of the images
    that are left.

    Raises StudyError where a class has fewer images.
    """
    if not number:
        return arrays
    part = evenly_of_each_class(arrays.train.labels, number, arrays.name)
    train = Split(arrays.train.images[part], arrays.train.labels[part])
    mean, std = channel_statistics(train.images)
    return replace(arrays, train=train, channel_mean=mean, channel_std=std)
