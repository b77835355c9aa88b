"""Draws the photos in ``shapes/``, an example of a user's own data set: circles and squares, 80 x 72 pixels.

    python examples/own_blocks/draw_shapes.py

The photos are committed; this file shows how they were made.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FOLDER = Path(__file__).parent / "shapes"
WIDTH, HEIGHT = 80, 72


def draw(shape: str, index: int) -> Image.Image:
    """One shape of random size, place and colour on a background of another colour."""
    rng = np.random.default_rng([index, len(shape)])
    ground, colour = (tuple(rng.integers(*range_, 3).tolist()) for range_ in ((0, 110), (140, 256)))
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    size = int(rng.integers(28, 56))
    left, top = int(rng.integers(0, WIDTH - size)), int(rng.integers(0, HEIGHT - size))
    box = (left, top, left + size, top + size)
    pen = ImageDraw.Draw(image)
    pen.ellipse(box, fill=colour) if shape == "circle" else pen.rectangle(box, fill=colour)
    return image


if __name__ == "__main__":
    for split, count in (("train", 24), ("val", 8)):
        for shape in ("circle", "square"):
            folder = FOLDER / split / shape
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                number = index + (1_000 if split == "val" else 0)
                draw(shape, number).save(folder / f"{number:04}.png", optimize=True)
