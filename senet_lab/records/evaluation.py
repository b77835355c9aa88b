"""The record of one evaluation, its JSON, and the parts that it is made of.

A record is named by what decides its numbers: weights, view, photos, arithmetic. It says nothing of when or how fast,
so that an interrupted pass, one in parts and one in a piece end in the same bytes.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import StudyError
from senet_lab.records.files import list_folder, read_bytes, replace_file, write_once
from senet_lab.records.image_bits import ImageBits
from senet_lab.study.released import View

SCHEMA = 1
FOLDER = "evaluations"
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is evaluated, and how: the part of a record that its name is made of.

    images_sha256: over names and labels of the photos, in order. batch: photos that went through the network at once.
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
        """The record's name: a hash of all this but the words for source and weights."""
        facts = {name: value for name, value in asdict(self).items() if name not in ("source", "weights")}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """One network on one set of photos. top1, top5: right at top-1 and top-5, a photo each, sorted by name.

    real: top-1 and top-5 by the reassessed labels, and which photos have any; None where those are not to be had.
    photos: what they are, in words. whole: whether they are the whole validation set.
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
        """How many photos."""
        return len(self.top1)


def record_path(root: Path, subject: Subject) -> Path:
    """Where the record lies."""
    return root / FOLDER / f"{subject.key}.json"


def write(root: Path, found: Evaluated) -> Path:
    """Writes the record; one that is there already stands."""
    path = record_path(root, found.subject)
    write_once(path, to_json(found))
    return path


def to_json(found: Evaluated) -> str:
    """The text of a record's file: sorted keys, one fact a line, with a digest over all the rest."""
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
    """The record in a file's text. Raises StudyError, naming the file, where it was changed or cut."""
    try:
        body = json.loads(text)
        if body["schema"] > SCHEMA:
            raise StudyError(f"{path} was written by a newer senet_lab (schema {body['schema']}); update this one")
        if body.pop("digest") != _digest(body):
            raise ValueError("its digest does not fit its content")
        facts = body["subject"]
        view = facts.pop("view")
        subject = Subject(view=View(**view | {"mean": tuple(view["mean"]), "std": tuple(view["std"])}), **facts)
        if subject.key != body["key"]:
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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudyError(f"{path} is no valid record ({error}); restore it, or delete it and evaluate again") from None


def read_all(root: Path) -> list[Evaluated]:
    """Every record of evaluations below a folder of results. Raises StudyError for one that cannot be believed."""
    folder = root / FOLDER
    paths = [path for path in list_folder(folder) or [] if path.suffix == ".json"]
    return [found for path in paths if (found := read(path)) is not None]


def read(path: Path) -> Evaluated | None:
    """The record in a file; None where there is none. Raises StudyError for one that cannot be read or believed."""
    data = read_bytes(path)
    return None if data is None else from_json(data.decode("utf-8", errors="replace"), path)


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Part:
    """The results of some consecutive photos of one network: hits N 2 (top-1, top-5), top classes N 5."""

    hits: Bits
    classes: NDArray[np.int16]


def part_path(root: Path, key: str, number: int) -> Path:
    """Where part ``number`` of an evaluation lies, outside git."""
    return root / "cache" / FOLDER / key / f"part-{number:05}.npz"


def write_part(path: Path, part: Part) -> None:
    """Writes a part, whole or not at all."""
    data = io.BytesIO()
    np.savez(data, hits=part.hits, classes=part.classes)
    replace_file(path, data.getvalue())


def read_part(path: Path, images: int) -> Part | None:
    """The part in a file; None where it is absent, damaged or of another number of images: then it is made again.

    Raises Unreadable where it cannot be told.
    """
    data = read_bytes(path)
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            part = Part(file["hits"], file["classes"])
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if part.hits.shape != (images, 2) or part.classes.shape != (images, 5) or part.hits.dtype != np.bool_:
        return None
    return part
