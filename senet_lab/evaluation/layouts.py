"""Finds the labelled photos of an ImageNet validation set, in any of these layouts of its folder:

- class folders named by WordNet id, at any usual depth;
- a flat folder, with the development kit's ground truth or Kaggle's ``LOC_val_solution.csv`` in it or beside it;
- one uncompressed tar of either;
- a folder of parquet files;
- a folder of tar shards with ``NAME.jpg`` and ``NAME.cls`` (WebDataset).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from senet_lab.data.imagenet_labels import (
    IMAGES,
    WNID,
    class_index,
    flat_labels,
    number_of,
    refuse_permuted,
)
from senet_lab.errors import StudyError
from senet_lab.evaluation.photo_places import Entry, in_folder, in_tar, parquet_rows, text_of
from senet_lab.evaluation.photo_set import Photo, PhotoSet

SPLIT = re.compile(r"(?<![a-z])(train|test)(?![a-z])")  # in the name of a file that holds many photos

# Where validation photos may lie below the folder that a user names, the most specific place first.
INNER = (
    "ILSVRC/Data/CLS-LOC/val",
    "Data/CLS-LOC/val",
    "val/ILSVRC2012_img_val",
    "ILSVRC2012_img_val",
    "validation",
    "val",
    ".",
)


def open_photos(path: Path, subset: bool) -> PhotoSet:
    """The labelled photos below a folder or in a tar.

    subset: whether other photos than the 50,000 of the validation set are allowed. Raises StudyError, which names the
    photo or the file, where a label is missing or labels are permuted, and where a photo is missing or there twice.
    """
    root, entries, layout = _entries(path)
    labelled = _labelled(root, path, entries, layout)
    if not labelled.photos:
        raise StudyError(
            f"{path} has no photos in class folders, nor flat ones with their labels; see docs/imagenet.md"
        )
    _refuse_doubled(labelled.photos, path)
    refuse_permuted([p.name for p in labelled.photos], [p.label for p in labelled.photos], labelled.layout)
    if not subset:
        _refuse_partial(labelled.photos, path)
    return labelled


def _entries(path: Path) -> tuple[Path, list[Entry], str]:
    """The folder of the photos or of the tar, all files in it, and the layout in words: "folder" or "one tar"."""
    if path.is_file():
        return path.parent, list(in_tar(path)), "one tar"
    if not path.is_dir():
        raise StudyError(f"{path} is missing; name the folder that holds the validation photos")
    for inner in INNER:
        root = path / inner
        entries = list(in_folder(root)) if root.is_dir() else []
        if any(e.is_photo or e.name.lower().endswith((".parquet", ".tar")) for e in entries):
            return root, entries, "folder"
    raise StudyError(f"{path} has no photos, parquet files or tar shards; see docs/imagenet.md")


def _labelled(root: Path, path: Path, entries: Sequence[Entry], layout: str) -> PhotoSet:
    photos = [entry for entry in entries if entry.is_photo]
    parquet = _of_validation([e for e in entries if e.name.lower().endswith(".parquet")], photos, root)
    shards = _of_validation([e for e in entries if e.name.lower().endswith(".tar")], photos, root)
    if not photos and parquet:
        return _of_parquet(parquet)
    if not photos and len(shards) == 1 and layout == "folder":
        inside = list(in_tar(Path(shards[0].place.path)))
        if not any(e.name.endswith(".cls") for e in inside):
            return _labelled(root, path, inside, "one tar")
    if shards and not photos:
        return _of_shards(shards)
    if any(e.name.endswith(".cls") for e in entries):
        return _of_samples(entries, "one WebDataset tar")
    in_classes = [entry for entry in photos if any(WNID.match(part) for part in entry.parts[:-1])]
    if in_classes:
        return _of_class_folders(in_classes, photos, layout)
    return _of_flat(root, path, photos, layout)


def _of_validation(files: Sequence[Entry], photos: Sequence[Entry], root: Path) -> Sequence[Entry]:
    """The files of many photos that are not of another split, by their names: those of the test set only where there
    are no others. Raises StudyError where all are of training and there are no other photos."""
    splits = [set(SPLIT.findall(file.stem.lower())) for file in files]
    kept = [file for file, names in zip(files, splits, strict=True) if not names]
    kept = kept or [file for file, names in zip(files, splits, strict=True) if "train" not in names]
    if files and not kept and not photos:
        raise StudyError(f"{root} has training photos alone ({files[0].name}); add the files of the validation set")
    return kept


def _of_class_folders(found: Sequence[Entry], photos: Sequence[Entry], layout: str) -> PhotoSet:
    astray = [entry for entry in photos if not any(WNID.match(part) for part in entry.parts[:-1])]
    if astray:
        raise StudyError(f"{'/'.join(astray[0].parts)} lies outside the class folders; move it into its class, or away")
    made = []
    wnids = [next(part for part in reversed(entry.parts[:-1]) if WNID.match(part)) for entry in found]
    for entry, wnid, name in zip(found, wnids, _names(found, wnids), strict=True):
        if wnid not in class_index():
            raise StudyError(f"{wnid} is no class of ImageNet-1k; remove that folder or name another data set")
        made.append(Photo(name, class_index()[wnid], entry.place))
    return PhotoSet(_sorted(made), f"class folders ({layout})")


def _of_flat(root: Path, path: Path, photos: Sequence[Entry], layout: str) -> PhotoSet:
    if not photos:
        return PhotoSet((), layout)
    labels, words = flat_labels(root, path, [entry.name for entry in photos])
    made = [Photo(_name(entry), class_index()[labels[entry.stem]], entry.place) for entry in photos]
    return PhotoSet(_sorted(made), f"flat, {words} ({layout})")


def _of_parquet(files: Sequence[Entry]) -> PhotoSet:
    made = []
    for file in files:
        for entry, label in parquet_rows(Path(file.place.path)):
            if not 0 <= label < len(class_index()):
                raise StudyError(f"{file.name}: {entry.name} has label {label}; test photos have none, others 0 to 999")
            made.append(Photo(_name(entry), label, entry.place))
    return PhotoSet(_sorted(made), "parquet")


def _of_shards(shards: Sequence[Entry]) -> PhotoSet:
    entries = [entry for shard in shards for entry in in_tar(Path(shard.place.path))]
    return _of_samples(entries, "WebDataset shards")


def _of_samples(entries: Sequence[Entry], layout: str) -> PhotoSet:
    classes = {(*entry.parts[:-1], entry.stem): entry for entry in entries if entry.name.endswith(".cls")}
    made = []
    photos = [entry for entry in entries if entry.is_photo]
    for entry, name in zip(photos, _names(photos, ["/".join(entry.parts[:-1]) for entry in photos]), strict=True):
        label = classes.get((*entry.parts[:-1], entry.stem))
        text = text_of(label) if label else ""
        if not text.isdigit() or int(text) >= len(class_index()):
            raise StudyError(f"{layout}: {entry.name} has no .cls with a class number 0 to 999")
        made.append(Photo(name, int(text), entry.place))
    return PhotoSet(_sorted(made), layout)


def _name(entry: Entry) -> str:
    number = number_of(entry.name)
    return f"ILSVRC2012_val_{number:08}" if number else entry.stem


def _names(entries: Sequence[Entry], folders: Sequence[str]) -> list[str]:
    """The photos' names. Photos without a number whose names occur in several folders get the folder's name as well."""
    names = [_name(entry) for entry in entries]
    times = Counter(names)
    return [
        f"{folder}/{name}" if times[name] > 1 and number_of(entry.name) is None and folder else name
        for entry, folder, name in zip(entries, folders, names, strict=True)
    ]


def _sorted(photos: Iterable[Photo]) -> tuple[Photo, ...]:
    return tuple(sorted(photos, key=lambda photo: (photo.name, photo.label)))


def _refuse_doubled(photos: Sequence[Photo], path: Path) -> None:
    name, times = Counter(photo.name for photo in photos).most_common(1)[0]
    if times > 1:
        raise StudyError(f"{path}: photo {name} is there {times} times; each may be counted once")


def _refuse_partial(photos: Sequence[Photo], path: Path) -> None:
    numbers = {number_of(photo.name) for photo in photos}
    missing = [number for number in range(1, IMAGES + 1) if number not in numbers]
    if None in numbers or len(missing) == IMAGES:
        other = next(photo.name for photo in photos if number_of(photo.name) is None)
        raise StudyError(f"{path}: {other} is no photo of the ImageNet validation set; other photos need --subset")
    if missing:
        present = {photo.label for photo in photos}
        absent = [wnid for wnid, index in class_index().items() if index not in present]
        classes = f" (no photo of class {absent[0]}, and of {len(absent) - 1} others)" if absent else ""
        raise StudyError(
            f"{path} has {len(photos):,} of the {IMAGES:,} validation photos{classes}; the first one missing is "
            f"ILSVRC2012_val_{missing[0]:08}. Complete it, or say --subset"
        )
