"""The parts that the record of an evaluation is put together from, each with the machine that made it. Outside git."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import INVALID, INVALID_ARRAYS
from senet_lab.records.evaluation import FOLDER, Bits
from senet_lab.records.files import replace_file
from senet_lab.records.reading import read_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What made a part: the revision of the code, the library that decoded the photos, the device and the versions."""

    revision: str
    decoder: str
    device: str
    versions: Mapping[str, str]


EARLIER = Maker(revision="unknown", decoder="unknown", device="unknown", versions={})


@dataclass(frozen=True, slots=True)
class Part:
    """The results of one network on N consecutive photos. hits: N x 2, right at top-1 and top-5. classes: N x 5, the
    five likeliest classes."""

    hits: Bits
    classes: NDArray[np.int16]
    maker: Maker


def part_path(root: Path, key: str, number: int) -> Path:
    """The path of part ``number`` of an evaluation."""
    return root / "cache" / FOLDER / key / f"part-{number:05}.npz"


def write_part(path: Path, part: Part) -> None:
    """Writes a part, whole or not at all."""
    data = io.BytesIO()
    np.savez(data, hits=part.hits, classes=part.classes, maker=np.array(json.dumps(asdict(part.maker))))
    replace_file(path, data.getvalue())


def read_part(path: Path, images: int) -> Part | None:
    """The part in a file; None where it is absent, damaged or of another number of images. Then it is made again.

    A part of an earlier version does not say what made it: its maker is unknown. Raises Unreadable where a file is
    there and cannot be read.
    """
    data = read_bytes(path)
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            maker = Maker(**json.loads(str(file["maker"]))) if "maker" in file else EARLIER
            part = Part(file["hits"], file["classes"], maker)
    except (*INVALID_ARRAYS, *INVALID):
        return None
    if part.hits.shape != (images, 2) or part.classes.shape != (images, 5) or part.hits.dtype != np.bool_:
        return None
    return part


def joined(parts: Sequence[Part]) -> Part:
    """One part of consecutive ones. Its maker names all of theirs, each once."""
    makers = [part.maker for part in parts]
    names = sorted({name for maker in makers for name in maker.versions})
    maker = Maker(
        revision=_each_once([maker.revision for maker in makers]),
        decoder=_each_once([maker.decoder for maker in makers]),
        device=_each_once([maker.device for maker in makers]),
        versions={name: _each_once([m.versions[name] for m in makers if name in m.versions]) for name in names},
    )
    return Part(np.concatenate([p.hits for p in parts]), np.concatenate([p.classes for p in parts]), maker)


def _each_once(texts: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(piece for text in texts for piece in text.split("; ")))
