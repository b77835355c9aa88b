"""Annotations in COCO's format: one JSON file with photos, boxes and categories for a folder of photos.

    annotations/instances_<split>.json, <split>/<file name>

N photos, M boxes.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senet_lab.errors import StudyError

LISTS = ("images", "annotations", "categories")
LARGEST = 2**63 - 1  # what an array of whole numbers holds
MEND = "mend or restore that file"


class Broken(Exception):
    """Says what is wrong in a file of annotations, without the file's name."""


@dataclass(frozen=True)
class BoxedPhotos:
    """The photos of one split, sorted by COCO's number, with all their boxes.

    categories: number and name, sorted by number; a label is a category's place in this list, counted from 1.
    photo: M, the index of each box's photo. boxes: fp64 M 4 as left, top, width, height in pixels. crowd: M, whether
    the box is around a crowd, whose single objects have no boxes. areas: M, of the objects in squared pixels, by which
    COCO tells small objects from large ones.
    """

    root: Path
    categories: tuple[tuple[int, str], ...]
    numbers: NDArray[np.int64]
    files: tuple[str, ...]
    sizes: NDArray[np.int64]  # N 2: width, height in pixels
    photo: NDArray[np.int64]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    digest: str  # SHA-256 over the file of annotations, and over name and size of each photo's file

    def __len__(self) -> int:
        return len(self.numbers)

    def path(self, index: int) -> str:
        """The path of a photo's file."""
        return os.path.join(self.root, self.files[index])

    @cached_property
    def trained(self) -> NDArray[np.bool_]:
        """Which boxes are trained on, M: all but crowds and boxes without an area."""
        return ~self.crowd & (self.boxes[:, 2:] > 0).all(axis=1)

    @cached_property
    def _by_photo(self) -> list[NDArray[np.int64]]:
        chosen = np.flatnonzero(self.trained)
        order = chosen[np.argsort(self.photo[chosen], kind="stable")]
        return np.split(order, np.searchsorted(self.photo[order], np.arange(1, len(self))))

    def corners(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The K boxes of a photo that are trained on, and their labels, int64 K.

        The boxes are fp32 K 4 as left, top, right, bottom in pixels, clipped to the photo.
        """
        of_photo = self._by_photo[index]
        left_top, size = self.boxes[of_photo, :2], self.boxes[of_photo, 2:]
        corners = np.concatenate([left_top, left_top + size], axis=1).clip(0, np.tile(self.sizes[index], 2))
        corners = corners.astype(np.float32)  # in which a box of a millionth of a pixel may have no width left
        seen = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        return corners[seen], self.labels[of_photo[seen]]


def read_boxes(file: Path, root: Path, *, empty_boxes: bool = False) -> BoxedPhotos:
    """Reads a file of annotations. root: the folder with its photos.

    empty_boxes: whether boxes without an area are allowed. COCO has a few such boxes; they are not trained on.
    Raises StudyError, which names file and entry, for what is missing or contradicts itself.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise StudyError(f"{file} cannot be read ({error.strerror}); put COCO's annotations there") from None
    try:
        content = _content(data)
        categories = _categories(content["categories"])
        photos = _photos(content["images"])
        of_boxes = _boxes(content["annotations"], photos, categories, empty_boxes)
    except Broken as error:
        raise StudyError(f"{file}: {error}; {MEND}") from None
    del content
    files = tuple(photo.file for photo in photos.values())
    digest = hashlib.sha256(data)
    for name, size in zip(files, _bytes_of(root, files, file), strict=True):
        digest.update(f"\n{name}\t{size}".encode())
    return BoxedPhotos(
        root=root,
        categories=tuple(sorted(categories.items())),
        numbers=np.array(list(photos), dtype=np.int64),
        files=files,
        sizes=np.array([(photo.width, photo.height) for photo in photos.values()], dtype=np.int64),
        digest=digest.hexdigest(),
        **of_boxes,
    )


def _content(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except json.JSONDecodeError as error:
        raise Broken(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Broken(f"it is no JSON ({' '.join(str(error).split())[:80]})") from None
    for name in LISTS:
        found = content.get(name) if isinstance(content, dict) else None
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise Broken(f"it has no list of {name}")
        if name != "annotations" and not found:
            raise Broken(f"its list of {name} is empty")
    return dict(content)


@dataclass(frozen=True, slots=True)
class _Photo:
    place: int
    file: str
    width: int
    height: int


def _number(entry: Mapping[str, Any], name: str, what: str) -> int:
    value = entry.get(name)
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise Broken(f"{what} has {name} {repr(value)[:80]}, which is no whole number from 0 to {LARGEST}")
    return value


def _categories(entries: list[dict[str, Any]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, entry in enumerate(entries):
        number = _number(entry, "id", f"category {place + 1} of its list")
        if number in found or not isinstance(entry.get("name"), str):
            raise Broken(f"category {number} {'is there twice' if number in found else 'has no name'}")
        found[number] = entry["name"]
    return found


def _photos(entries: list[dict[str, Any]]) -> dict[int, _Photo]:
    found: dict[int, _Photo] = {}
    names = set()
    for place, entry in enumerate(entries):
        number = _number(entry, "id", f"photo {place + 1} of its list")
        what, name = f"photo {number}", entry.get("file_name")
        if not isinstance(name, str) or os.path.isabs(name) or not name or "\0" in name or ".." in Path(name).parts:
            raise Broken(f"{what} has file_name {name!r}, which is no name of a file in the folder")
        width, height = (_number(entry, side, what) for side in ("width", "height"))
        if not width or not height:
            raise Broken(f"{what} is {width} x {height} pixels")
        if number in found or name in names:
            raise Broken(f"{what} ({name}) is there twice")
        names.add(name)
        found[number] = _Photo(place, name, width, height)
    ordered = sorted(found.items())
    return {number: _Photo(place, p.file, p.width, p.height) for place, (number, p) in enumerate(ordered)}


def _boxes(
    entries: list[dict[str, Any]], photos: Mapping[int, _Photo], categories: Mapping[int, str], empty_boxes: bool
) -> dict[str, Any]:
    labels = {number: label for label, number in enumerate(sorted(categories), start=1)}
    lines = []
    for place, entry in enumerate(entries):
        what = f"annotation {entry.get('id', f'{place + 1} of its list')}"
        number, category = (_number(entry, name, what) for name in ("image_id", "category_id"))
        photo, label = photos.get(number), labels.get(category)
        if photo is None:
            raise Broken(f"{what} is of photo {number}, which it does not list")
        if label is None:
            raise Broken(f"{what} is of category {category}, which it does not list")
        box, crowd = _box(entry, what, empty_boxes), entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise Broken(f"{what} has iscrowd {crowd!r}; it must be 0 or 1")
        area = entry.get("area", box[2] * box[3])
        if not _finite(area) or area < 0:
            raise Broken(f"{what} has the area {area!r}")
        lines.append((photo.place, label, bool(crowd), float(area), *box))
    table = np.array(lines, dtype=np.float64).reshape(-1, 8)
    whole = {"photo": table[:, 0].astype(np.int64), "labels": table[:, 1].astype(np.int64)}
    return whole | {"crowd": table[:, 2].astype(np.bool_), "areas": table[:, 3], "boxes": table[:, 4:]}


def _box(entry: Mapping[str, Any], what: str, empty_boxes: bool) -> tuple[float, ...]:
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_finite, box)) or min(box[2:]) < 0:
        raise Broken(f"{what} has the bbox {box!r}, which is not left, top, width, height")
    if not empty_boxes and not min(box[2:]):
        raise Broken(f"{what} has a box of no area ({box[2]:g} x {box[3]:g} pixels)")
    return tuple(map(float, box))


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _bytes_of(root: Path, files: tuple[str, ...], annotations: Path) -> list[int]:
    found = []
    for name in files:
        try:
            found.append(os.stat(root / name).st_size)
        except OSError as error:
            raise StudyError(
                f"{root / name}, a photo of {annotations}, cannot be read ({error.strerror}); complete the folder"
            ) from None
    return found
