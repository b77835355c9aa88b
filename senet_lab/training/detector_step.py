"""The training step of a detector, and its pass over the evaluation photos."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from senet_lab.data.coco import BoxedPhotos
from senet_lab.data.coco_data import Chunk, Step
from senet_lab.models.detector import detection_losses
from senet_lab.records.precision import FoundBoxes
from senet_lab.study.cell import derive_seed
from senet_lab.study.protocol import Precision, Protocol
from senet_lab.training.autocast import autocast
from senet_lab.training.ranks import ALONE, Ranks


def take_detection_gradients(
    model: nn.Module, step: Step, protocol: Protocol, seed: int, place: tuple[int, int], ranks: Ranks = ALONE
) -> Tensor:
    """Leaves the gradients of a batch in the model. Returns the loss, a scalar: the mean over chunks of the sum of the
    four losses.

    step: this process's chunks of the batch. place: epoch and step. The random sampling of regions in a chunk derives
    from the seed, the place and the chunk's number, so it does not depend on how many processes share the batch.
    """
    assert protocol.detection is not None
    chunks = protocol.batch_size // protocol.detection.images_together
    total = torch.zeros((), device=step[0].images[0].device)
    for chunk in step:
        chosen = derive_seed(seed, "regions", *place, chunk.number)
        bf16, products = autocast(total.device, protocol.precision is Precision.BF16)
        with bf16, products:
            losses = detection_losses(model, chunk.images, chunk.targets, chosen)
        loss = torch.stack([one.float() for one in losses.values()]).sum() / len(step)
        loss.backward()
        total += loss.detach()
    if ranks.together:
        nothing = torch.zeros((), dtype=torch.int64, device=total.device)
        total, _ = ranks.add_up(model, total, nothing, len(step) / chunks)
    return total


@torch.no_grad()
def find_boxes(
    model: nn.Module, chunks: Iterable[Chunk], truth: BoxedPhotos, protocol: Protocol, ranks: Ranks = ALONE
) -> FoundBoxes:
    """The boxes that a detector finds in the evaluation photos of all processes, in the order of the photos.

    chunks: this process's photos. truth: the split, which gives COCO's numbers of photos and categories.
    """
    training = model.training
    model.eval()
    lines: list[np.ndarray] = []
    for chunk in chunks:
        bf16, products = autocast(chunk.images[0].device, protocol.precision is Precision.BF16)
        with bf16, products:
            found = model(list(chunk.images))
        for photo, boxes in zip(chunk.photos, found, strict=True):
            lines.append(_lines(photo, boxes))
    model.train(training)
    mine = np.concatenate(lines) if lines else np.empty((0, 7))
    table = np.concatenate(ranks.gathered(mine))
    categories = np.array([number for number, _ in truth.categories])
    return FoundBoxes(
        photo=truth.numbers[table[:, 0].astype(np.int64)],
        category=categories[table[:, 1].astype(np.int64) - 1],
        box=table[:, 2:6].astype(np.float32),
        score=table[:, 6].astype(np.float32),
    )


def _lines(photo: int, found: dict[str, Tensor]) -> np.ndarray:
    """One row for each box, fp64: index of the photo, label, left, top, width, height, score."""
    corners = found["boxes"].float().cpu().numpy().astype(np.float64)
    labels, scores = (found[name].float().cpu().numpy() for name in ("labels", "scores"))
    sides = corners[:, 2:] - corners[:, :2]
    return np.column_stack([np.full(len(corners), photo), labels, corners[:, :2], sides, scores])
