"""From one photo to pixels: decoding and the random training crop. H W space; pixels are uint8 H W 3."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from senet_lab.data.damaged import DamagedPhoto, refuse_unread
from senet_lab.errors import StudyError
from senet_lab.loading import as_rgb

Pixels = NDArray[np.uint8]
CROP_AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # as in the authors' release
ATTEMPTS = 10  # how many crops are drawn to find one that fits into the photo


@dataclass(frozen=True, slots=True)
class CropDraw:
    """Where a training crop lies in its photo, in pixels, and whether it is mirrored."""

    left: int
    top: int
    width: int
    height: int
    flip: bool


def read_photo(path: str) -> Image.Image:
    """The photo as RGB.

    Raises DamagedPhoto for a file that is empty, cut short, or not a photo, and for what ``as_rgb`` refuses. Raises
    UnreadPhoto for a file that the system does not give.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about palettes and cameras' broken metadata, which change no pixel
            with Image.open(path) as image:
                image.load()
                return as_rgb(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        refuse_unread(error, path)
        why = "it is no image" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        raise DamagedPhoto(path, why[:120]) from None


def size_of(path: str) -> tuple[int, int]:
    """A photo's width and height in pixels. Raises StudyError for a damaged file."""
    try:
        return read_photo(path).size
    except DamagedPhoto as error:
        raise StudyError(error.damage.mended) from None


def stream_of(key: int, image: int) -> np.random.Generator:
    """The random stream of one image in one epoch. key: derived from seed and epoch (``batches.drawn_for``)."""
    return np.random.Generator(np.random.Philox(key=key, counter=image << 64))


def draw_crop(stream: np.random.Generator, width: int, height: int, flip: bool) -> CropDraw:
    """A crop of random area and aspect ratio inside a photo; the photo's middle if none of ten attempts fits.

    As is usual in ImageNet training, the area and the logarithm of the aspect ratio are uniform. Lengths in pixels.
    """
    mirrored = bool(stream.random() < 0.5) and flip
    log_low, log_high = map(math.log, ASPECT)
    for _ in range(ATTEMPTS):
        area = width * height * stream.uniform(*CROP_AREA)
        aspect = math.exp(stream.uniform(log_low, log_high))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(stream.integers(width - w + 1)), int(stream.integers(height - h + 1))
            return CropDraw(left, top, w, h, mirrored)
    w, h = min(width, round(height * ASPECT[1])), min(height, round(width / ASPECT[0]))
    return CropDraw((width - w) // 2, (height - h) // 2, w, h, mirrored)


def training_pixels(photo: Image.Image, draw: CropDraw, size: int) -> Pixels:
    """The crop, resized to ``size`` x ``size`` pixels (bilinear, antialiased) and mirrored if so drawn: size size 3."""
    box = (draw.left, draw.top, draw.left + draw.width, draw.top + draw.height)
    crop = photo.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.flip else crop)
