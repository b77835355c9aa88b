"""The record of one evaluation and its JSON. Its parts are in ``records.evaluation_parts``.

A record's name is a hash of everything that decides its numbers: network, weights, view, photos, arithmetic. It holds
no times, so that an evaluation in parts, an interrupted one and one in a single pass give the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import INVALID, StudyError
from senet_lab.records.files import write_once
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.reading import list_folder, read_bytes
from senet_lab.study.released import View

SCHEMA = 2  # in records of schema 1 the name of the network is no part of the key
FOLDER = "evaluations"
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is evaluated, and how. The record's name is a hash of it.

    source, weights: the network and its weights in words. images: how many photos. images_sha256: the hash of the
    photos' names, labels and samples of their bytes, in order. batch: how many photos went through the network at once.
    """

    source: str
    weights: str
    weights_sha256: str
    view: View
    images: int
    images_sha256: str
    precision: str
    device_type: str
    batch: int

    @property
    def key(self) -> str:
        """The record's name: a hash of all fields except ``weights``, which only says in words what the hash has.

        ``source`` is in it, since gates and squeezes have no weights: two networks may have the same.
        """
        return self.key_of(SCHEMA)

    def key_of(self, schema: int) -> str:
        """The name that a record of this schema has."""
        words = ("source", "weights") if schema == 1 else ("weights",)
        facts = {name: value for name, value in asdict(self).items() if name not in words}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The results of one network on one set of photos.

    photos, layout: what the photos are and how their folder is laid out, in words. whole: whether they are the whole
    validation set. top1, top5: for each photo, sorted by name, whether it is right at top-1 and at top-5. real: three
    such arrays for the reassessed labels (ReaL): right at top-1, right at top-5, and whether the photo has such a
    label; None where these labels are not available. revision, decoder, device, versions: of all machines that made a
    part, in the order of the images, without repeats and joined by semicolons.
    """

    subject: Subject
    photos: str
    layout: str
    whole: bool
    top1: Bits
    top5: Bits
    real: tuple[Bits, ...] | None
    revision: str
    decoder: str
    device: str
    versions: Mapping[str, str]

    @property
    def images(self) -> int:
        """The number of photos."""
        return len(self.top1)


def record_path(root: Path, subject: Subject) -> Path:
    """The path of the record."""
    return root / FOLDER / f"{subject.key}.json"


def find(root: Path, subject: Subject) -> Evaluated | None:
    """The record of this evaluation, of whichever schema; None without one. Raises as ``read`` does."""
    found = read(record_path(root, subject))
    if found is None:
        older = read(root / FOLDER / f"{subject.key_of(1)}.json")
        found = older if older is not None and older.subject.source == subject.source else None
    return found


def write(root: Path, found: Evaluated) -> Path:
    """Writes the record, unless it exists already, and returns its path."""
    path = record_path(root, found.subject)
    write_once(path, to_json(found))
    return path


def to_json(found: Evaluated) -> str:
    """The text of a record's file: sorted keys, one fact per line, and a digest of everything else."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "key": found.subject.key,
        "subject": asdict(found.subject),
        "top1_correct": int(found.top1.sum()),
        "top5_correct": int(found.top5.sum()),
        "top1": ImageBits.of(found.top1).base64(),
        "top5": ImageBits.of(found.top5).base64(),
        "real": None if found.real is None else [ImageBits.of(bits).base64() for bits in found.real],
        "versions": dict(found.versions),
    }
    for name in ("photos", "layout", "whole", "revision", "decoder", "device"):
        body[name] = getattr(found, name)
    body["digest"] = _digest(body)
    return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def from_json(text: str, path: Path) -> Evaluated:
    """The record in a file's text. Raises StudyError with the file's name where the text was changed or cut."""
    try:
        body = json.loads(text)
        if body["schema"] > SCHEMA:
            raise StudyError(f"{path} was written by a newer senet_lab (schema {body['schema']}); update this one")
        if body.pop("digest") != _digest(body):
            raise ValueError("its digest does not fit its content")
        facts = body["subject"]
        view = facts.pop("view")
        subject = Subject(view=View(**view | {"mean": tuple(view["mean"]), "std": tuple(view["std"])}), **facts)
        if subject.key_of(body["schema"]) != body["key"]:
            raise ValueError("its key is not that of its subject")
        n = subject.images
        real = body["real"]
        return Evaluated(
            subject=subject,
            top1=ImageBits.from_base64(body["top1"], n).unpack(),
            top5=ImageBits.from_base64(body["top5"], n).unpack(),
            real=None if real is None else tuple(ImageBits.from_base64(bits, n).unpack() for bits in real),
            versions=body["versions"],
            **{name: body[name] for name in ("photos", "layout", "whole", "revision", "decoder", "device")},
        )
    except INVALID as error:
        raise StudyError(f"{path} is no valid record ({error}); restore it, or delete it and evaluate again") from None


def read_all(root: Path) -> list[Evaluated]:
    """All records of evaluations in a results folder. Raises StudyError for a damaged one."""
    folder = root / FOLDER
    paths = [path for path in list_folder(folder) or [] if path.suffix == ".json"]
    return [found for path in paths if (found := read(path)) is not None]


def read(path: Path) -> Evaluated | None:
    """The record in a file; None where there is no file. Raises StudyError for one that is unreadable or damaged."""
    data = read_bytes(path)
    return None if data is None else from_json(data.decode("utf-8", errors="replace"), path)


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
