"""Fewer training images by a declared rule."""

from dataclasses import replace

import numpy as np
import pytest

from senet_lab.data.open import open_arrays
from senet_lab.data.photo_folders import photos_of
from senet_lab.data.subset import evenly_of_each_class, fewer_photos
from senet_lab.errors import StudyError
from tests.data.pictures import class_folders
from tests.tiny import TINY


def test_images_are_spread_evenly_over_each_class():
    """Of four and six images, two of each: the first and the one in the middle."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])

    assert evenly_of_each_class(labels, 2, "a set").tolist() == [0, 2, 4, 7]
    assert list(range(4)) == evenly_of_each_class(labels[:4], 4, "a set").tolist()
    with pytest.raises(StudyError, match="a set has 4 training images of class 0; 5 are asked for"):
        evenly_of_each_class(labels, 5, "a set")


def test_photos_and_arrays_take_the_same_rule(tmp_path):
    """So many of each class; the evaluation images stay; nothing changes for 0."""
    photos = photos_of(class_folders(tmp_path) / "train")
    fewer = fewer_photos(photos, 3)

    assert fewer.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert photos.path(2) == fewer.path(1)
    assert photos.digest != fewer.digest
    assert photos is fewer_photos(photos, 0)
    whole = open_arrays(TINY)
    part = open_arrays(replace(TINY, train_images=20, train_images_per_class=2))
    assert np.bincount(part.train.labels).tolist() == [2] * 10
    assert whole.test.sha256 == part.test.sha256
