"""Small photos in class folders, made for a test."""

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog", "fox")


def photo(path, index=0, size=(40, 30), **options):
    """A photo of this width and height whose pixels depend on the index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(index).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


def class_folders(root, train=6, test=2, classes=CLASSES, splits=("train", "val")):
    """train/<class>/ and val/<class>/ with so many photos each; returns the root."""
    for split, count in zip(splits, (train, test), strict=True):
        for label, name in enumerate(classes):
            for index in range(count):
                photo(root / split / name / f"{index}.jpg", index + 100 * label, (36 + 2 * index, 30))
    return root
