"""ImageArrays: a whole data set of small images in canonical order, and its hash.

N images, H W space; images are uint8 N H W 3 (RGB), labels int64 N.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Images N H W 3 with their labels N, in canonical order."""

    images: Images
    labels: Labels

    @property
    def sha256(self) -> str:
        """SHA-256 over the images' bytes, then the labels as little-endian int64."""
        return hashlib.sha256(self.images.tobytes() + self.labels.astype("<i8").tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class ImageArrays:
    """A data set. channel_mean, channel_std: of the training images, in units of 0 to 1."""

    name: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    channel_mean: tuple[float, ...]
    channel_std: tuple[float, ...]


def canonical(images: Images, labels: Labels) -> Split:
    """The images sorted by label and then by their bytes, so that the hash does not depend on the source's order."""
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    by_bytes = rows.view(f"V{rows.shape[1]}").ravel().argsort(kind="stable")
    order = by_bytes[labels[by_bytes].argsort(kind="stable")]
    return Split(np.ascontiguousarray(images[order]), labels[order].astype(np.int64))


def held_out(arrays: ImageArrays, every: int = 10) -> ImageArrays:
    """A data set made of the training images alone: every ``every``-th is its test split, the others train."""
    held = np.arange(len(arrays.train.labels)) % every == 0
    train, test = (Split(arrays.train.images[part], arrays.train.labels[part]) for part in (~held, held))
    mean, std = channel_statistics(train.images)
    return ImageArrays(f"{arrays.name} training images", arrays.class_names, train, test, mean, std)


def channel_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels, in units of 0 to 1, rounded to four decimals.

    They are computed from counts of the 256 pixel values, so no error accumulates over the pixels.
    """
    counts = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(3)])
    levels = np.arange(256) / 255
    mean = counts @ levels / counts.sum(axis=1)
    variance = counts @ levels**2 / counts.sum(axis=1) - mean**2
    return tuple(np.round(mean, 4).tolist()), tuple(np.round(np.sqrt(variance), 4).tolist())
