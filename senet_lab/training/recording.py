"""What a run leaves when it has ended: its record, with how it was made and which damaged photos it left out."""

from collections.abc import Iterable

from torch import nn

from senet_lab.data.coco_data import Source
from senet_lab.models.complexity import complexity_of
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.precision import AveragePrecision
from senet_lab.records.record import Provenance, Record, Status, TrainedPart
from senet_lab.study.cell import Run
from senet_lab.training import provenance
from senet_lab.training.epoch import Evaluation
from senet_lab.training.ranks import Ranks
from senet_lab.training.run_state import Trained
from senet_lab.training.turns import TURNS


class LeftOut:
    """The damaged photos that a run left out. before: those that its checkpoint names."""

    def __init__(self, data: Source, before: Iterable[str], ranks: Ranks) -> None:
        self.data, self.ranks, self._known = data, ranks, set(before)

    @property
    def names(self) -> tuple[str, ...]:
        """Their paths below the folder of photos: in all parts of the run, in this process, and in the others until the
        processes met last."""
        return tuple(sorted(self._known.union([*self.data.skipped])))

    def meet(self) -> int:
        """Learns those of the other processes, all of which call this together. Returns how many there are."""
        self._known.update(*self.ranks.gathered(self.names))
        return len(self._known)


def provenance_of(
    here: TrainedPart, parts: tuple[TrainedPart, ...], digests: dict[str, str], left_out: int, seconds: float
) -> Provenance:
    """How a run was made: ``here`` by this process, ``parts`` in all. digests: of its data, by split. left_out: how
    many damaged photos."""
    return Provenance(
        revision=here.revision,
        dirty=here.dirty,
        device=here.device,
        threads=here.threads,
        executor=here.executor,
        compiled=here.compiled,
        versions=here.versions,
        data_sha256=digests,
        train_seconds=round(seconds, 1),
        finished_at=provenance.now(),
        skipped_photos=left_out,
        parts=parts,
    )


def record_of(run: Run, model: nn.Module, trained: Trained | None, failure: str | None, where: Provenance) -> Record:
    """The record of a run; failure says why it has no result."""
    with TURNS.alone():  # counting passes an image through the network, and switches PyTorch's fused attention
        counts = complexity_of(model, run.cell)
    found = trained.evaluation if trained else None
    hits = found.hits_N2.numpy() if isinstance(found, Evaluation) else None
    top1, top5 = (None if hits is None else ImageBits.of(hits[:, k]) for k in (0, 1))
    return Record(
        run=run,
        status=Status.FAILED if failure else Status.FINISHED,
        failure=failure,
        top1_error_pct=top1.error_pct if top1 else None,
        top5_error_pct=top5.error_pct if top5 else None,
        best_top1_error_pct=min((p.test_top1_error_pct for p in trained.curve), default=None) if trained else None,
        correct_top1=top1,
        correct_top5=top5,
        trainable=counts.trainable,
        multiply_adds=counts.multiply_adds,
        provenance=where,
        precision=found if isinstance(found, AveragePrecision) else None,
    )
