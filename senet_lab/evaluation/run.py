"""One pass over the photos for any number of networks. Photos are decoded once for all of them.

Results are kept part by part, so that a pass may be interrupted and goes on from the last part.
B batch, K classes.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from senet_lab.data.imagenet_labels import number_of, reassessed
from senet_lab.errors import StudyError
from senet_lab.evaluation.decode import Damaged, decoded
from senet_lab.evaluation.networks import Network, maker_of
from senet_lab.evaluation.normalise import Normalise
from senet_lab.evaluation.photo_set import Photo, PhotoSet
from senet_lab.loading import Progress, Tell
from senet_lab.machine import cores
from senet_lab.models.registry import channels_last
from senet_lab.records import evaluation as record
from senet_lab.records import evaluation_parts as kept
from senet_lab.records.evaluation import Bits, Evaluated, Subject
from senet_lab.records.evaluation_parts import Part
from senet_lab.training import numerics
from senet_lab.training.autocast import autocast
from senet_lab.training.step import hits

BATCHES_A_PART = 8
SURE, CHANCE = 0.5, 0.01  # mean confidence above SURE with accuracy below CHANCE: the labels are not the network's


@dataclass(frozen=True, slots=True)
class Options:
    """How a pass is made.

    precision: fp32 or bf16. batch: images. shard: (k, n) for the k-th of n shares of the work, k from 1. processes:
    how many decode; None for one on each core.
    """

    device: str = "cpu"
    precision: str = "fp32"
    batch: int = 64
    shard: tuple[int, int] = (1, 1)
    processes: int | None = None


def subject_of(network: Network, photos: PhotoSet, options: Options) -> Subject:
    """What this evaluation is about; its record is named after it."""
    return Subject(
        source=network.source,
        weights=network.weights,
        weights_sha256=network.weights_sha256,
        view=network.view,
        images=len(photos.photos),
        images_sha256=photos.digest,
        precision=options.precision,
        device_type=torch.device(options.device).type,
        batch=options.batch,
    )


def evaluate(
    networks: Sequence[Network], photos: PhotoSet, root: Path, options: Options, tell: Tell
) -> list[Evaluated | None]:
    """Evaluates the networks in one pass over the parts that are not done. Returns a record for each network.

    A record is None while parts of other shards are missing. A part that is done is not done again, whoever did it.
    Raises StudyError for a damaged photo, which it names, and where the labels are not those that a network was trained
    with. What was done until then is kept.
    """
    numerics.set_switches()
    subjects = [subject_of(network, photos, options) for network in networks]
    open_ones = [
        i
        for i, (network, subject) in enumerate(zip(networks, subjects, strict=True))
        if network.watched is not None or not _is_recorded(root, subject)
    ]
    if open_ones:
        _passes([networks[i] for i in open_ones], [subjects[i] for i in open_ones], photos, root, options, tell)
    return [_recorded(subject, photos, root, options) for subject in subjects]


def _passes(
    networks: Sequence[Network],
    subjects: Sequence[Subject],
    photos: PhotoSet,
    root: Path,
    options: Options,
    tell: Tell,
) -> None:
    """Makes every part of this shard that a network lacks. A watched network is shown all parts."""
    parts = _parts(photos.photos, options)
    k, n = options.shard
    lacked: list[tuple[int, list[int]]] = []  # part, networks that lack it
    for number, chunk in enumerate(parts):
        lacking = [
            i
            for i, (network, subject) in enumerate(zip(networks, subjects, strict=True))
            if network.watched is not None or _read(root, subject, number, chunk) is None
        ]
        if lacking and number % n == k - 1:
            lacked.append((number, lacking))
    if not lacked:
        return
    recorded = [_is_recorded(root, subject) for subject in subjects]
    geometries = list(dict.fromkeys(network.view.geometry for network in networks))
    size = options.batch
    batches = [parts[number][i : i + size] for number, _ in lacked for i in range(0, len(parts[number]), size)]
    runners = [_Runner(network, geometries.index(network.view.geometry), options) for network in networks]
    pixels = decoded(batches, geometries, cores() if options.processes is None else options.processes)
    progress = Progress(sum(map(len, batches)), tell)
    for number, lacking in lacked:
        chunk = parts[number]
        results: dict[int, list[Part]] = {i: [] for i in lacking}
        for start in range(0, len(chunk), size):
            shown = next(pixels)
            if isinstance(shown, Damaged):
                raise StudyError(
                    f"{shown.name} cannot be read ({shown.why}); copy it anew and call again: what is done is kept"
                )
            labels = torch.tensor([photo.label for photo in chunk[start : start + size]])
            for i in lacking:
                results[i].append(runners[i].part(shown, labels))
            progress.add(len(labels))
        for i in lacking:
            runners[i].refuse_strange_labels(photos)
            if not recorded[i]:
                kept.write_part(kept.part_path(root, subjects[i].key, number), kept.joined(results[i]))


def _parts(photos: Sequence[Photo], options: Options) -> list[Sequence[Photo]]:
    size = options.batch * BATCHES_A_PART
    return [photos[start : start + size] for start in range(0, len(photos), size)]


def _read(root: Path, subject: Subject, number: int, chunk: Sequence[Photo]) -> Part | None:
    return kept.read_part(kept.part_path(root, subject.key, number), len(chunk))


def _is_recorded(root: Path, subject: Subject) -> bool:
    return record.find(root, subject) is not None


class _Runner:
    """One network of a pass. place: the index of its geometry."""

    def __init__(self, network: Network, place: int, options: Options) -> None:
        self.network, self.place = network, place
        self.device, self.half = torch.device(options.device), options.precision == "bf16"
        self.model = network.model.to(self.device)
        if self.device.type != "cpu":
            channels_last(self.model)
        self.normalise = Normalise(network.view, self.device)
        self.maker = maker_of(network, self.device)
        self.seen = self.right = 0
        self.confidence = 0.0

    @torch.inference_mode()
    def part(self, shown: Sequence[Tensor], labels_B: Tensor) -> Part:
        """The results of one batch. shown: its pixels, uint8 B 3 H W, for each geometry."""
        with _one_thread():
            images = self.normalise(shown[self.place])
        bf16, products = autocast(self.device, self.half)
        with bf16, products:
            logits = self.network.watched(images, labels_B) if self.network.watched else self.model(images)
        logits = logits.float().cpu()
        with _one_thread():
            right = hits(logits, labels_B)
            self.seen += len(labels_B)
            self.right += int(right[:, 0].sum())
            self.confidence += float(logits.softmax(1).amax(1).sum())
            return Part(right.numpy(), logits.topk(5, dim=1).indices.numpy().astype(np.int16), self.maker)

    def refuse_strange_labels(self, photos: PhotoSet) -> None:
        """Raises StudyError where the network is confident and nearly never right."""
        if self.seen < 100 or self.right > CHANCE * self.seen or self.confidence < SURE * self.seen:
            return
        raise StudyError(
            f"{self.network.source} is right on {self.right} of {self.seen} photos while it is sure "
            f"({100 * self.confidence / self.seen:.0f} % on average): the labels ({photos.layout}) are permuted, or "
            "its classes are in another order"
        )


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Runs small operations in one thread. While all cores decode, several threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _recorded(subject: Subject, photos: PhotoSet, root: Path, options: Options) -> Evaluated | None:
    """The record, which is written from the parts if it does not exist yet; None if parts are missing."""
    there = record.find(root, subject)
    if there is not None:
        return there
    chunks = _parts(photos.photos, options)
    parts = [_read(root, subject, number, chunk) for number, chunk in enumerate(chunks)]
    done = [part for part in parts if part is not None]
    if len(done) < len(parts):
        return None
    whole = kept.joined(done)
    found = Evaluated(
        subject=subject,
        photos=photos.title,
        layout=photos.layout,
        whole=photos.whole,
        top1=whole.hits[:, 0],
        top5=whole.hits[:, 1],
        real=_by_reassessed_labels(photos, whole),
        revision=whole.maker.revision,
        decoder=whole.maker.decoder,
        device=whole.maker.device,
        versions=whole.maker.versions,
    )
    record.write(root, found)
    for number in range(len(chunks)):
        kept.part_path(root, subject.key, number).unlink(missing_ok=True)
    return found


def _by_reassessed_labels(photos: PhotoSet, whole: Part) -> tuple[Bits, Bits, Bits] | None:
    """For each photo: right at top-1, right at top-5, and whether it has reassessed labels.

    None without timm, and where a photo has no number.
    """
    numbers = [number_of(photo.name) for photo in photos.photos]
    real = None if None in numbers else reassessed()
    if real is None or any((number or 0) > len(real) for number in numbers):
        return None
    labels = [set(real[(number or 1) - 1]) for number in numbers]
    top1 = np.array([int(row[0]) in own for row, own in zip(whole.classes, labels, strict=True)])
    top5 = np.array([bool(own & set(map(int, row))) for row, own in zip(whole.classes, labels, strict=True)])
    return top1, top5, np.array([bool(own) for own in labels])
