"""The demonstration data set: generated images whose classes need channel recalibration.

Every colour channel of an image shows a texture: a grating of one of five orientations at one of two scales. One of
the three channels is the trusted one, and its texture is the class. The other two show textures of classes drawn at
random, as strong as the true one. Only the global colour cast tells which channel to trust: it is the channel that is
brightest on average. Illumination varies over the image, so that no single position shows the cast reliably. A network
must therefore weigh its channels by a global average: squeeze, excitation, scale.

N images, H W space.
"""

import numpy as np
from numpy.typing import NDArray

from senet_lab.data.arrays import ImageArrays, Images, Labels, Split, canonical, channel_statistics

CLASSES = 10
SIZE = 32  # pixels
STREAMS = {"train": 0x5E_0001, "test": 0x5E_0002}  # seeds of the data set itself, whatever the seed of a run
# Brightness from 0 to 1:
CAST = 0.12  # of the trusted channel above the others
CONTRAST = 0.14  # amplitude of a texture
NOISE = 0.08  # standard deviation of a pixel's noise
SHADE = 0.35  # amplitude of the illumination over the image


def synthetic(train_images: int, test_images: int) -> ImageArrays:
    """The data set with these numbers of images. Equal arguments give equal bytes."""
    train, test = (_split(split, n) for split, n in (("train", train_images), ("test", test_images)))
    mean, std = channel_statistics(train.images)
    names = tuple(f"texture {index}" for index in range(CLASSES))
    return ImageArrays("synthetic", names, train, test, mean, std)


def _split(split: str, n: int) -> Split:
    rng = np.random.default_rng(STREAMS[split])
    labels = np.arange(n) % CLASSES
    return canonical(_images(rng, labels), labels)


def _images(rng: np.random.Generator, labels: Labels) -> Images:
    n = len(labels)
    trusted = rng.integers(3, size=n)
    textures = rng.integers(CLASSES, size=(n, 3))
    textures[np.arange(n), trusted] = labels
    levels = rng.uniform(0.38, 0.52, size=(n, 1)) + rng.uniform(0, CAST / 4, size=(n, 3))
    levels[np.arange(n), trusted] += CAST
    images = levels[:, None, None, :] + _shade(rng, n)
    images += CONTRAST * np.stack([_texture(rng, textures[:, channel]) for channel in range(3)], axis=-1)
    images += rng.normal(0, NOISE, size=images.shape)
    return np.clip(np.rint(images * 255), 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, classes: Labels) -> NDArray[np.float64]:
    """Gratings N H W between -1 and 1, by class: five orientations at two scales. The phase is random."""
    angle = np.pi * (classes % 5) / 5 + rng.normal(0, 0.05, size=len(classes))
    period = np.where(classes < 5, 4.0, 7.0)  # pixels
    return _wave(angle, period, rng.uniform(0, 2 * np.pi, size=len(classes)))


def _shade(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Illumination N H W 3: in each channel a slow wave whose mean over the image is zero."""
    waves = [
        _wave(rng.uniform(0, np.pi, size=n), np.full(n, 32.0), rng.uniform(0, 2 * np.pi, size=n)) for _ in range(3)
    ]
    shade = np.stack(waves, axis=-1)
    return SHADE * (shade - shade.mean(axis=(1, 2), keepdims=True))


def _wave(angle: NDArray[np.float64], period: NDArray[np.float64], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    return np.sin(2 * np.pi * along / period[:, None, None] + phase[:, None, None])
