"""A trained network to look at."""

from dataclasses import dataclass

from torch import nn

from senet_lab.excitations.statistics import Origin
from senet_lab.study.protocol import Precision
from senet_lab.study.released import View


@dataclass(frozen=True, slots=True)
class Subject:
    """A network with its weights.

    name: of its files. origin: without the data set. data: what it was trained on, where that is a data set of small
    images. view: how ImageNet's images are shown to it. test_images: of synthetic data. notes: for a person, about its
    weights.
    """

    name: str
    model: nn.Module
    origin: Origin
    precision: Precision = Precision.FP32
    data: str | None = None
    view: View | None = None
    test_images: int = 1_000
    notes: tuple[str, ...] = ()
