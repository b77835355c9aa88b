"""The central crop of a photo, by torchvision, for training, evaluation and excitations alike."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F


def central_crop(photo: Image.Image, resize: int, size: int, interpolation: str = "bilinear") -> NDArray[np.uint8]:
    """The photo resized by its shorter side and cropped at its centre: size size 3, uint8.

    resize, size: shorter side and crop in pixels. interpolation: torchvision's name of it; it is antialiased.
    """
    resized = F.resize(photo, [resize], InterpolationMode(interpolation), antialias=True)
    return np.array(F.center_crop(resized, [size, size]))
