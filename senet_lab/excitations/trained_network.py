"""TrainedNetwork: a trained network whose gates are looked at."""

from dataclasses import dataclass

from torch import nn

from senet_lab.excitations.statistics import Origin
from senet_lab.study.protocol import Precision
from senet_lab.study.released import View


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network with its weights.

    name: of the capture's files. origin: with the data set still empty. data: the name of the data set that it was
    trained on, if that is one of small images. view: how photos are shown to it. test_images: how many synthetic images
    it is shown. notes: for the user, about its weights.
    """

    name: str
    model: nn.Module
    origin: Origin
    precision: Precision = Precision.FP32
    data: str | None = None
    view: View | None = None
    test_images: int = 1_000
    notes: tuple[str, ...] = ()
