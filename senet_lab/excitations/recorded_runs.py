"""The networks of recorded runs, with their final weights."""

from pathlib import Path

from senet_lab.data.protocol_view import protocol_view
from senet_lab.errors import StudyError
from senet_lab.excitations.statistics import RANDOM, Origin
from senet_lab.excitations.trained_network import TrainedNetwork
from senet_lab.models.of_cell import build_cell, can_be_built
from senet_lab.models.registry import channels_last
from senet_lab.records.reading import is_file
from senet_lab.records.record import Record
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.study.network_names import described
from senet_lab.study.protocol import Dataset
from senet_lab.training import provenance
from senet_lab.training.final_weights import load_final_weights, weights_path

RANKS = (  # ``best`` prefers runs on earlier data sets
    Dataset.IMAGENET,
    Dataset.PLACES365,
    Dataset.IMAGENETTE,
    Dataset.FOLDER,
    Dataset.CIFAR10,
    Dataset.CIFAR100,
    Dataset.SYNTHETIC,
)


def recorded(run: Run, store: Store, random_weights: bool = False) -> TrainedNetwork:
    """The network of a run with its final weights, or with random ones.

    Raises StudyError as ``load_final_weights``, and for a run that trained a detector.
    """
    record = store.read(run)
    protocol = run.cell.protocol
    if protocol.detection is not None:
        raise StudyError(f"run {run.cell.key} trained a detector; excitations need a classification network")
    model = build_cell(run.cell, run.seed)
    if not random_weights:
        load_final_weights(model, run, store)
    revision = record.provenance.revision if record and not random_weights else provenance.revision()[0]
    origin = Origin(
        network=described(run.cell.backbone, run.cell.se),
        weights=RANDOM if random_weights else "recorded",
        protocol="none" if random_weights else protocol.name,
        dataset="",
        split="",
        seed=run.seed,
        revision=revision,
        synthetic=protocol.synthetic,
    )
    name = f"{protocol.name}-{run.cell.backbone}-{run.cell.key[:8]}-seed-{run.seed}{'-random' * random_weights}"
    small = None if protocol.dataset.of_photos else protocol
    view = protocol_view(protocol) if protocol.dataset.of_photos else None
    return TrainedNetwork(name, channels_last(model), origin, protocol.precision, small, view)


def best(store: Store, photos: bool = False) -> Run | None:
    """The run to look at if none is named: with SE, with its weights in the store, with the lowest final error.

    Runs whose network or block is a user's own, and not loaded, are passed over.

    photos: whether it is shown a folder of photos. If so, runs on photos go before others, and else after them, since
    nobody said where their photos lie. Then data sets count before errors: a run on ImageNet goes before one on
    Imagenette (RANKS). None if there is no such run.
    """

    def rank(record: Record) -> tuple[bool, int, float, str, int]:
        error = record.top1_error_pct
        return (
            record.run.cell.protocol.dataset.of_photos != photos,
            RANKS.index(record.run.cell.protocol.dataset),
            100.0 if error is None else error,
            record.run.cell.key,
            record.run.seed,
        )

    found = [
        record
        for record in store.read_all()
        if record.correct_top1 is not None
        and record.run.cell.se
        and is_file(weights_path(record.run, store))
        and can_be_built(record.run.cell)
    ]
    return min(found, key=rank).run if found else None


def run_of_weights(path: Path) -> tuple[Run, Store] | None:
    """The recorded run whose final weights are in this file, by the file's place; None for any other file."""
    try:
        cache = path.resolve().parents[3]
        store = Store(cache.parent)
        if (cache.name, path.resolve().parents[2].name) != ("cache", "weights"):
            return None
    except IndexError:
        return None
    for record in store.read_all():
        if weights_path(record.run, store).resolve() == path.resolve():
            return record.run, store
    return None
