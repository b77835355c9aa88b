"""Canonical order and hashes of data sets."""

import numpy as np
import pytest

from senet_lab.data.arrays import canonical, channel_statistics
from senet_lab.data.synthetic import synthetic


@pytest.fixture
def shuffled():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, size=(60, 4, 4, 3), dtype=np.uint8), rng.integers(0, 3, size=60)


def test_the_hash_does_not_depend_on_the_order_of_the_source(shuffled):
    """Images sorted by label, then bytes, hash the same from any order."""
    images, labels = shuffled
    other = np.random.default_rng(1).permutation(60)

    assert canonical(images, labels).sha256 == canonical(images[other], labels[other]).sha256


def test_a_changed_pixel_changes_the_hash(shuffled):
    """One grey level in one image is seen."""
    images, labels = shuffled
    before = canonical(images, labels).sha256
    images[7, 1, 2, 0] ^= 1

    assert before != canonical(images, labels).sha256


def test_images_stay_with_their_labels(shuffled):
    """Sorting moves pairs, not images alone."""
    images, labels = shuffled
    split = canonical(images, labels)
    pairs = {(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}

    assert pairs == {(image.tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)}
    assert sorted(labels.tolist()) == split.labels.tolist()


def test_channel_statistics_are_those_of_numpy(shuffled):
    """Counting in whole numbers gives the mean and standard deviation that a direct computation gives."""
    images, _ = shuffled
    mean, std = channel_statistics(images)

    assert np.round((images / 255).mean(axis=(0, 1, 2)), 4).tolist() == list(mean)
    assert np.round((images / 255).std(axis=(0, 1, 2)), 4).tolist() == list(std)


def test_the_synthetic_set_is_the_same_every_time():
    """Equal sizes give equal bytes; training and test images share none."""
    first, again = synthetic(200, 100), synthetic(200, 100)

    assert first.train.sha256 == again.train.sha256
    assert set() == {i.tobytes() for i in first.train.images} & {i.tobytes() for i in first.test.images}


def test_the_synthetic_classes_are_balanced():
    """Ten classes of equal size."""
    assert np.bincount(synthetic(200, 100).train.labels).tolist() == [20] * 10


def test_the_brightest_channel_of_a_synthetic_image_shows_its_class():
    """A least-squares reader of the brightest channel's texture beats one of a fixed channel by far."""
    data = synthetic(1500, 300)

    assert _texture_reader_error(data, _brightest) < 45
    assert _texture_reader_error(data, lambda images: images[..., 0]) > 60


def _brightest(images):
    return images[np.arange(len(images)), :, :, images.mean(axis=(1, 2)).argmax(axis=1)]


def _texture_reader_error(data, channel_of) -> float:
    """Percent wrong of a linear classifier on the amplitude spectrum of one channel of each image."""
    features = [np.log1p(np.abs(np.fft.rfft2(channel_of(s.images.astype(float))))) for s in (data.train, data.test)]
    train, test = (f.reshape(len(f), -1) for f in features)
    mean, std = train.mean(axis=0), train.std(axis=0) + 1e-6
    train, test = (np.hstack([(f - mean) / std, np.ones((len(f), 1))]) for f in (train, test))
    targets = np.eye(10)[data.train.labels]
    weights = np.linalg.solve(train.T @ train + 300 * np.eye(train.shape[1]), train.T @ targets)
    return float(100 * ((test @ weights).argmax(axis=1) != data.test.labels).mean())
