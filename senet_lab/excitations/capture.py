"""Captures excitations: one streaming pass over labelled images, with what is kept of them on the network's device.

B batch, K classes, U classes of a batch, M channels of all blocks side by side, S rows of the histogram, N bins.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from senet_lab.data.batches import Batch
from senet_lab.errors import StudyError
from senet_lab.excitations.files import write_atlas
from senet_lab.excitations.labelled_images import WNIDS, Labelled, class_indices, open_labelled
from senet_lab.excitations.statistics import BINS, Excitations, Origin, Span, save
from senet_lab.excitations.subjects import Subject
from senet_lab.models.gate_taps import Tap, gate_taps, tapped
from senet_lab.study.protocol import Precision
from senet_lab.training.numerics import set_switches

MOST_SHOWN = 6  # classes in one figure
FEW = 20  # up to so many classes, each has a row of the histogram for itself unless others are named
UNKNOWN = Origin(
    network="", weights="", protocol="", dataset="", split="", seed=None, revision="unknown", synthetic=False
)


@torch.no_grad()
def capture_excitations(
    model: nn.Module,
    batches: Iterable[Batch],
    class_names: Sequence[str],
    *,
    own_rows: Sequence[int] | None = None,
    origin: Origin = UNKNOWN,
    precision: Precision = Precision.FP32,
) -> Excitations:
    """Statistics of every gate over the images of each class, the network in evaluation mode.

    class_names: what the labels mean. own_rows: the classes whose histogram is kept apart; None: all where they
    are few, else none. Raises StudyError for a network without SE blocks or labels that mean no class.
    """
    try:
        taps = gate_taps(model)
    except ValueError as error:
        raise StudyError(str(error)) from None
    if not taps:
        raise StudyError("this network has no SE block, so there is no excitation to look at")
    training, statistics = model.training, None
    model.eval()
    gathered = _Gathered(len(taps))
    try:
        with gathered.listening(taps):
            for images, labels in batches:
                with torch.autocast(images.device.type, torch.bfloat16, enabled=precision is Precision.BF16):
                    model(images)
                gates = gathered.take()
                if statistics is None:
                    statistics = _Statistics(taps, gates, class_names, own_rows)
                statistics.add(torch.cat(gates, dim=1), labels)
    finally:
        model.train(training)
    if statistics is None:
        raise StudyError("there are no images to look at")
    return statistics.result(origin)


def look_at(subject: Subject, root: Path, data: str | None, classes: Sequence[str], device: str) -> Path:
    """Captures a network on the images of this name (None: those it was trained for), writes the arrays and the
    part that git keeps, and returns the folder of the latter. classes: to be shown; some four where none is named.

    Raises StudyError for what is not there.
    """
    name = data or subject.data
    if name is None:
        raise StudyError("say with --data which images to show: cifar10, cifar100, synthetic, or a folder")
    labelled = open_labelled(name, subject.view, subject.test_images)
    shown = class_indices(labelled, list(classes)) or _some(labelled.class_names)
    if len(shown) > MOST_SHOWN:
        raise StudyError(f"{len(shown)} classes are too many for one figure; name up to {MOST_SHOWN}")
    set_switches()
    target = torch.device(device)
    origin = replace(
        subject.origin,
        dataset=labelled.dataset,
        split=labelled.split,
        synthetic=labelled.synthetic or subject.origin.synthetic,
    )
    found = capture_excitations(
        subject.model.to(target),
        labelled.batches(target),
        labelled.class_names,
        own_rows=None if len(labelled.class_names) <= FEW else sorted(shown),
        origin=origin,
        precision=subject.precision,
    )
    files = subject.name if name == subject.data else f"{subject.name}-on-{_slug(labelled)}"
    save(root / "cache" / "excitations" / f"{files}.npz", found)
    return write_atlas(root, files, found, [labelled.class_names[k] for k in shown])


def _slug(labelled: Labelled) -> str:
    return f"{labelled.dataset}-{labelled.images}-images".replace(" ", "-").lower()


def _some(class_names: Sequence[str]) -> list[int]:
    """The paper's four classes where they are there, else four from the first to the last."""
    paper = [class_names.index(name) for name in WNIDS.values() if name in class_names]
    if len(paper) == len(WNIDS):
        return paper
    last = len(class_names) - 1
    return sorted({round(i * last / 3) for i in range(4)})


class _Gathered:
    """The gates of one batch, in the order of the taps."""

    def __init__(self, number: int) -> None:
        self.empty: list[Tensor | None] = [None] * number
        self.gates = list(self.empty)

    def listening(self, taps: Sequence[Tap]) -> AbstractContextManager[None]:
        return tapped(taps, self.gates.__setitem__)

    def take(self) -> list[Tensor]:
        gates = [gate for gate in self.gates if gate is not None]
        if len(gates) < len(self.gates):
            raise StudyError("a block of this network was not used for an image")
        self.gates[:] = self.empty
        return gates


class _Statistics:
    """What ``Excitations`` holds, as tensors."""

    def __init__(
        self, taps: Sequence[Tap], gates: Sequence[Tensor], class_names: Sequence[str], own_rows: Sequence[int] | None
    ) -> None:
        kinds = {tap.gate for tap in taps}
        if len(kinds) > 1:
            raise StudyError("the blocks of this network have different gates; they do not share a scale")
        (self.gate,) = kinds
        self.over_space = any(tap.over_space for tap in taps)
        ends = torch.tensor([gate.shape[1] for gate in gates]).cumsum(0).tolist()
        self.spans = tuple(
            Span(tap.name, end - gate.shape[1], gate.shape[1]) for tap, gate, end in zip(taps, gates, ends, strict=True)
        )
        self.class_names = tuple(class_names)
        classes, channels, device = len(class_names), ends[-1], gates[0].device
        if own_rows is None:
            own_rows = range(classes) if classes <= FEW else ()
        self.own_rows = tuple(own_rows)
        rows = len(self.own_rows) + (len(self.own_rows) < classes)
        self.row_K = torch.full((classes,), rows - 1, device=device)
        self.row_K[list(self.own_rows)] = torch.arange(len(self.own_rows), device=device)
        self.count_K = torch.zeros(classes, dtype=torch.int64, device=device)
        self.mean_KM = torch.zeros(classes, channels, dtype=torch.float64, device=device)
        self.m2_KM = torch.zeros_like(self.mean_KM)
        self.lowest_KM = torch.full((classes, channels), torch.inf, device=device)
        self.highest_KM = torch.full_like(self.lowest_KM, -torch.inf)
        self.histogram_SMN = torch.zeros(rows, channels, BINS[self.gate].number, dtype=torch.int64, device=device)
        self.channel_M = torch.arange(channels, device=device)

    def add(self, gate_BM: Tensor, labels_B: Tensor) -> None:
        if int(labels_B.min()) < 0 or int(labels_B.max()) >= len(self.class_names):
            raise StudyError(f"a label is none of {len(self.class_names)} classes")
        self._add_moments(gate_BM.double(), labels_B)
        index_BM = labels_B[:, None].expand_as(gate_BM)
        self.lowest_KM.scatter_reduce_(0, index_BM, gate_BM.float(), "amin")
        self.highest_KM.scatter_reduce_(0, index_BM, gate_BM.float(), "amax")
        self._add_histogram(gate_BM, labels_B)

    def _add_moments(self, gate_BM: Tensor, labels_B: Tensor) -> None:
        """Chan's formula for a whole batch: its classes' moments join those of the images before."""
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
        bins = BINS[self.gate]
        bin_BM = ((gate_BM.double() - bins.low) * bins.per_unit).clamp_(0, bins.number - 1).long()
        row_BM = self.row_K[labels_B][:, None] * len(self.channel_M) + self.channel_M
        place = (row_BM * bins.number + bin_BM).flatten()
        self.histogram_SMN.view(-1).scatter_add_(0, place, torch.ones_like(place))

    def result(self, origin: Origin) -> Excitations:
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
