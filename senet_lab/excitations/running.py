"""Statistics of gates, to which batches are added on the network's device. Their memory does not grow with the images.

B batch, K classes, U classes of a batch, M channels of all blocks side by side, S rows of the histogram, N bins.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from senet_lab.errors import StudyError
from senet_lab.excitations.statistics import BINS, Excitations, Origin, Span
from senet_lab.models.gate_taps import Tap

FEW_CLASSES = 20  # with at most so many classes, each has a row of the histogram, unless others are named


class RunningStatistics:
    """The arrays of ``Excitations`` as tensors on the device. gates: of one batch, B C each, in the order of the taps.

    Only the widths C and the device of ``gates`` are used. Raises StudyError for blocks with different gates.
    """

    def __init__(
        self, taps: Sequence[Tap], gates: Sequence[Tensor], class_names: Sequence[str], own_rows: Sequence[int] | None
    ) -> None:
        kinds = {tap.gate for tap in taps}
        if len(kinds) > 1:
            raise StudyError("the blocks of this network have different gates; they do not share a scale")
        (self.gate,) = kinds
        self.bins = BINS[self.gate]
        self.over_space = any(tap.over_space for tap in taps)
        ends = torch.tensor([gate.shape[1] for gate in gates]).cumsum(0).tolist()
        self.spans = tuple(
            Span(tap.name, end - gate.shape[1], gate.shape[1]) for tap, gate, end in zip(taps, gates, ends, strict=True)
        )
        self.class_names = tuple(class_names)
        classes, channels, device = len(class_names), ends[-1], gates[0].device
        if own_rows is None:
            own_rows = range(classes) if classes <= FEW_CLASSES else ()
        self.own_rows = tuple(own_rows)
        rows = len(self.own_rows) + (len(self.own_rows) < classes)
        self.row_K = torch.full((classes,), rows - 1, device=device)
        self.row_K[list(self.own_rows)] = torch.arange(len(self.own_rows), device=device)
        self.count_K = torch.zeros(classes, dtype=torch.int64, device=device)
        self.mean_KM = torch.zeros(classes, channels, dtype=torch.float64, device=device)
        self.m2_KM = torch.zeros_like(self.mean_KM)
        self.lowest_KM = torch.full((classes, channels), torch.inf, device=device)
        self.highest_KM = torch.full_like(self.lowest_KM, -torch.inf)
        self.histogram_SMN = torch.zeros(rows, channels, self.bins.number, dtype=torch.int64, device=device)
        self.channel_M = torch.arange(channels, device=device)

    def add(self, gate_BM: Tensor, labels_B: Tensor) -> None:
        """Adds a batch. Raises StudyError for a label that is no class index, and for gates that are not finite."""
        if int(labels_B.min()) < 0 or int(labels_B.max()) >= len(self.class_names):
            raise StudyError(f"a label is none of {len(self.class_names)} classes")
        if not bool(gate_BM.isfinite().all()):
            raise StudyError("a gate of this network is not finite for some image: its weights are damaged")
        self._add_moments(gate_BM.double(), labels_B)
        index_BM = labels_B[:, None].expand_as(gate_BM)
        self.lowest_KM.scatter_reduce_(0, index_BM, gate_BM.float(), "amin")
        self.highest_KM.scatter_reduce_(0, index_BM, gate_BM.float(), "amax")
        self._add_histogram(gate_BM, labels_B)

    def _add_moments(self, gate_BM: Tensor, labels_B: Tensor) -> None:
        """Joins the batch's moments of each class with those of the images before, by Chan's formula."""
        classes_U, place_B, count_U = labels_B.unique(return_inverse=True, return_counts=True)
        member_UB = torch.nn.functional.one_hot(place_B, len(classes_U)).T.to(gate_BM.dtype)
        mean_UM = member_UB @ gate_BM / count_U[:, None]
        m2_UM = member_UB @ (gate_BM - mean_UM[place_B]).square()
        before_U = self.count_K[classes_U]
        share_U1 = (count_U.double() / (before_U + count_U))[:, None]
        delta_UM = mean_UM - self.mean_KM[classes_U]
        self.mean_KM[classes_U] += delta_UM * share_U1
        self.m2_KM[classes_U] += m2_UM + delta_UM.square() * before_U[:, None] * share_U1
        self.count_K[classes_U] += count_U

    def _add_histogram(self, gate_BM: Tensor, labels_B: Tensor) -> None:
        bins = self.bins
        bin_BM = ((gate_BM.double() - bins.low) * bins.per_unit).clamp_(0, bins.number - 1).long()
        row_BM = self.row_K[labels_B][:, None] * len(self.channel_M) + self.channel_M
        place = (row_BM * bins.number + bin_BM).flatten()
        self.histogram_SMN.view(-1).scatter_add_(0, place, torch.ones_like(place))

    def result(self, origin: Origin) -> Excitations:
        """The statistics of all images so far."""
        return Excitations(
            origin=origin,
            gate=self.gate,
            over_space=self.over_space,
            spans=self.spans,
            class_names=self.class_names,
            own_rows=self.own_rows,
            count_K=self.count_K.cpu().numpy(),
            mean_KM=self.mean_KM.cpu().numpy(),
            m2_KM=self.m2_KM.cpu().numpy(),
            lowest_KM=self.lowest_KM.cpu().numpy(),
            highest_KM=self.highest_KM.cpu().numpy(),
            histogram_SMN=self.histogram_SMN.cpu().numpy(),
        )
