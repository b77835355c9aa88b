"""TrainedNetwork: a trained network whose gates are looked at."""

from dataclasses import dataclass

from torch import nn

from senet_lab.excitations.statistics import Origin
from senet_lab.study.protocol import Precision, Protocol
from senet_lab.study.released import View


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network with its weights.

    name: of the capture's files. origin: with the data set still empty. protocol: by which it was trained, if that is
    one of small images. view: how photos are shown to it. notes: for the user, about its weights.
    """

    name: str
    model: nn.Module
    origin: Origin
    precision: Precision = Precision.FP32
    protocol: Protocol | None = None
    view: View | None = None
    notes: tuple[str, ...] = ()

    @property
    def data(self) -> str | None:
        """The name of the data set of small images that it was trained on; None for any other."""
        return None if self.protocol is None else self.protocol.dataset.value
