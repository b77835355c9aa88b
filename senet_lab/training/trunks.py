"""The weights that a detector's trunk begins with, from a recorded run of equal seed or from a file that a user names.

    [ResNet-50]
    file = "resnet50.safetensors"
    recipe = "torchvision: 90 epochs, batch 256"

A file of trunks has such a part for each row that is trained. The recipe says in words how the weights were trained.
"""

import hashlib
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from senet_lab.errors import StudyError
from senet_lab.models.of_cell import TRUNK_CLASSES, build_network
from senet_lab.records.record import Status
from senet_lab.records.store import Store
from senet_lab.study.block import BlockSpec
from senet_lab.study.cell import Cell, Run, canonical_json
from senet_lab.study.detection import Pretraining, TrunkFile, digest_of
from senet_lab.study.network_names import described
from senet_lab.study.protocol import Protocol
from senet_lab.study.se import Integration, SESpec
from senet_lab.study.table import Table
from senet_lab.training.final_weights import load_final_weights
from senet_lab.weights import fitted, read_state
from senet_lab.weights.names import classes_of


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A part of a file of trunks. row: the part's name, a row of the table. recipe: how the weights were trained."""

    row: str
    file: Path
    recipe: str


@dataclass(frozen=True, slots=True)
class Trunk:
    """The state dict of the network that a detector is built on. sha256: of the file that it came from."""

    state: Mapping[str, Tensor]
    sha256: str


def read_trunks(path: Path) -> list[NamedFile]:
    """The parts of a file of trunks. Raises StudyError, which names file and part, for a file of another form."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}); --trunks names a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is no TOML ({error})") from None
    found = []
    for row, part in content.items():
        texts = [part.get(name) for name in ("file", "recipe")] if isinstance(part, dict) else []
        if len(texts) != 2 or not all(isinstance(text, str) and text.strip() for text in texts) or len(part) != 2:
            raise StudyError(f"{path}: [{row}] must have file and recipe, both text, and nothing else")
        found.append(NamedFile(row, path.parent / str(texts[0]), " ".join(str(texts[1]).split())))
    return found


def with_trunks(table: Table, path: Path) -> Table:
    """The table under a protocol whose trunks begin with the weights that a file of trunks names, for some or all rows.

    Raises StudyError for a table without detectors, for a part that is not named after a row, for weights that do not
    fit, and for trunks that were trained by different recipes.
    """
    if table.paper_protocol.detection is None:
        raise StudyError(f"{table.name} has no trunks; --trunks belongs to a table of detectors such as table6")
    named, cells = read_trunks(path), {row.label: row.cell for row in table.rows}
    if not named or any(one.row not in cells for one in named):
        odd = next((f"[{one.row}]" for one in named if one.row not in cells), "no part")
        raise StudyError(f"{path} has {odd}; its parts are named after the rows of {table.name}: {', '.join(cells)}")
    _refuse_mixed(named)
    files, notes, short = [], [], Counter(_in_short(cells[one.row]) for one in named)
    for one in named:
        cell = cells[one.row]
        trunk, departures = _of_file(one.file, cell)
        network = _in_short(cell)
        if short[network] > 1:
            network = described(cell.backbone, cell.se)
        files.append(TrunkFile(network, trunk.sha256))
        notes += [f"trunk of {one.row}: {text}" for text in departures]
    try:
        pretraining = Pretraining(recipe=named[0].recipe, files=tuple(dict.fromkeys(files)))
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from None
    return table.under(_with_pretraining(table.paper_protocol, pretraining, notes))


def _in_short(cell: Cell) -> str:
    """A network in the words that ``TrunkFile`` has always had, and keys of cells with it: without biases, and without
    the places of a user's own blocks."""
    se = cell.se
    if isinstance(se, SESpec):
        se = replace(se, bias=False)
    elif isinstance(se, BlockSpec):
        se = replace(se, integration=Integration.STANDARD, stages="all")
    return described(cell.backbone, se)


def _refuse_mixed(named: Sequence[NamedFile]) -> None:
    """Raises StudyError for different recipes: they would explain a difference between a plain row and one with SE."""
    first = named[0]
    for other in named:
        if other.recipe != first.recipe:
            raise StudyError(
                f"the trunks of {first.row} and {other.row} were trained by different recipes ({first.recipe!r} and "
                f"{other.recipe!r}), which could explain any difference between these rows; name weights of one recipe"
            )


def _with_pretraining(protocol: Protocol, pretraining: Pretraining, notes: list[str]) -> Protocol:
    assert protocol.detection is not None
    digest = digest_of(canonical_json(pretraining))[:8]
    kept = [text for text in protocol.departures if not text.startswith("trunks are")]
    return replace(
        protocol,
        name=f"{protocol.name}-trunks-{digest}",
        detection=replace(protocol.detection, pretraining=pretraining),
        departures=(*kept, f"trunks begin with files of weights, by {pretraining.recipe}", *dict.fromkeys(notes)),
    )


def trunk_of(run: Run, store: Store, trunks: Path | None) -> Trunk | None:
    """The weights that the trunk of a run begins with; None for a run without a trunk, or whose trunk is drawn from the
    seed.

    trunks: the file of trunks, if the protocol names such files. Raises StudyError where the weights are not there or
    do not fit.
    """
    detection = run.cell.protocol.detection
    if detection is None or detection.pretraining is None:
        return None
    pretraining = detection.pretraining
    if pretraining.files:
        return _of_named(run.cell, pretraining, trunks)
    return _of_record(run, pretraining, store)


def _of_named(cell: Cell, pretraining: Pretraining, trunks: Path | None) -> Trunk:
    network = described(cell.backbone, cell.se)
    names = {one.network for one in pretraining.files}
    text = network if network in names else _in_short(cell)
    wanted = {one.sha256 for one in pretraining.files if one.network == text}
    if trunks is None:
        raise StudyError(f"the trunk of {network} begins with a file of weights; say with --trunks where it lies")
    for one in read_trunks(trunks):
        if one.file.is_file() and sha256_of(one.file) in wanted:
            return _of_file(one.file, cell)[0]
    raise StudyError(
        f"{trunks} does not name the weights of {network} that {cell.protocol.name} is about; restore them"
    )


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _of_file(file: Path, cell: Cell) -> tuple[Trunk, tuple[str, ...]]:
    """A file's weights for the trunk of a cell, and in words where the file's own network computes differently."""
    state = read_state(file)
    try:
        network = build_network(cell, classes_of(state) or TRUNK_CLASSES)
        tensors, report = fitted(network, state)
    except StudyError as error:
        raise StudyError(f"{file} is no trunk of {described(cell.backbone, cell.se)}: {error}") from None
    return Trunk(tensors, sha256_of(file)), report.departures


def _of_record(run: Run, pretraining: Pretraining, store: Store) -> Trunk:
    cell, wanted = run.cell, f"{pretraining.recipe} v{pretraining.version}"
    network = described(cell.backbone, cell.se)
    known = [p for p in store.protocols() if p.name == pretraining.recipe]
    protocol = next((p for p in known if digest_of(canonical_json(p)) == pretraining.digest), None)
    trained = Run(cell=replace(cell, protocol=protocol), seed=run.seed) if protocol else None
    record = store.read(trained) if trained else None
    if record is None or record.status is Status.FAILED or protocol is None or trained is None:
        raise StudyError(
            f"the trunk of {network} begins with the weights of {wanted} seed {run.seed}, which {store.root} has no "
            "finished run of: train that first (as a row of table2), or name files of weights with --trunks"
        )
    model = build_network(trained.cell, protocol.num_classes, trained.seed)
    load_final_weights(model, trained, store)
    return Trunk(model.state_dict(), record.files.weights or "unknown")
