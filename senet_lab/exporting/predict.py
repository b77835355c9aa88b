"""Predicts the classes of a user's own photos with a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from senet_lab.errors import StudyError
from senet_lab.evaluation.decode import load, shown
from senet_lab.evaluation.normalise import Normalise
from senet_lab.exporting.trained import Trained
from senet_lab.exporting.views import class_names, view_of
from senet_lab.records.reading import read_bytes
from senet_lab.study.released import View
from senet_lab.training.numerics import set_switches

TOP = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """A class and its share of the softmax, 0 to 1. It is not calibrated, so it is no probability of being right."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """A photo and its likeliest classes, the likeliest first."""

    photo: str
    guesses: tuple[Guess, ...]


def predict(
    trained: Trained, photos: Sequence[Path], device: str = "cpu", data: Path | None = None
) -> tuple[View, list[Prediction]]:
    """The view in which the photos were shown, and the five likeliest classes of each photo.

    data: as in ``class_names``. Raises StudyError for the first photo that is missing or cannot be read, before the
    network sees any, and as ``class_names`` and ``view_of``.
    """
    set_switches()
    names, view, target = class_names(trained, data), view_of(trained), torch.device(device)
    normalise, model = Normalise(view, target), trained.model.to(target)
    pixels = [torch.from_numpy(shown(_opened(path), view.geometry)) for path in photos]
    found = []
    with torch.no_grad():
        for path, image in zip(photos, pixels, strict=True):
            shares = model(normalise(image[None])).float().softmax(dim=1)[0].cpu()
            values, classes = shares.topk(min(TOP, len(names)))
            pairs = zip(values.tolist(), classes.tolist(), strict=True)
            found.append(Prediction(str(path), tuple(Guess(names[k], value) for value, k in pairs)))
    return view, found


def _opened(path: Path) -> Image.Image:
    data = read_bytes(path, "name a photo")
    if data is None:
        raise StudyError(f"{path} is missing")
    try:
        return load(data)
    except Exception as error:  # Pillow raises many kinds for a damaged photo
        raise StudyError(f"{path} cannot be read as a photo ({' '.join(str(error).split())[:100]})") from None
