"""Finds the class folders of a split, and the photos in them.

The folders are ``train/<class>/`` and ``val/<class>/``, which may lie below ``ILSVRC/Data/CLS-LOC``. There may be
further folders between a split and its classes, as in ``val/ILSVRC2012_img_val/<wnid>/``. Hidden folders and files are
ignored.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from senet_lab.data.imagenet_labels import WNID
from senet_lab.errors import StudyError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif")
OTHER_KINDS = (".avif", ".heic", ".heif", ".jxl", ".jp2")  # photos that not every Pillow reads
SPLIT_NAMES = {"train": ("train", "training"), "test": ("val", "validation")}
ABOVE = ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "CLS-LOC")  # where the splits of ImageNet's archives lie
MOST_NESTING = 3  # folders between a split and its classes
SHOWN = 3  # how many names a message lists


@dataclass(frozen=True)
class PhotoList:
    """Photos and their classes, sorted by class and then by name. N photos.

    files: N paths relative to ``root``, as bytes: millions of them are then one array, which processes share.
    labels: N indices into ``classes``. flat: whether the files lie in no class folders.
    """

    root: Path
    classes: tuple[str, ...]
    files: NDArray[np.bytes_]
    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]  # bytes of each file
    flat: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def path(self, index: int) -> str:
        """The path of a photo's file."""
        return os.path.join(self.root, os.fsdecode(bytes(self.files[index])))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the classes and over each photo's path, class and file size. The pixels are not in it.

        Flat photos have the digest that they would have in class folders.
        """
        digest = hashlib.sha256("\n".join(self.classes).encode())
        for file, label, size in zip(self.files, self.labels, self.sizes, strict=True):
            path = bytes(file).replace(os.sep.encode(), b"/")
            path = self.classes[label].encode() + b"/" + path if self.flat else path
            digest.update(b"\n%s\t%d\t%d" % (path, label, size))
        return digest.hexdigest()


def visible(name: str) -> bool:
    """Whether a name is neither hidden nor one of the few others that editors and file systems leave behind."""
    return not name.startswith((".", "__MACOSX", "@eaDir")) and name not in ("Thumbs.db", "lost+found")


def is_photo(name: str) -> bool:
    """Whether a name is a photo's by its suffix, and ``visible``."""
    return visible(name) and name.lower().endswith(SUFFIXES)


def refuse_other_kind(path: str) -> None:
    """Raises StudyError for a photo of a kind that is not read here, which would be left out otherwise."""
    if visible(os.path.basename(path)) and path.lower().endswith(OTHER_KINDS):
        raise StudyError(f"{path} is of a kind that is not read here; convert it to JPEG or PNG, or move it away")


def find_split(root: Path, split: str) -> Path | None:
    """The folder of ``train`` or ``test`` (the validation photos) below a data set's folder; None if there is none."""
    names = SPLIT_NAMES[split]
    return next((root / a / name for a in ABOVE for name in names if (root / a / name).is_dir()), None)


def photos_of(folder: Path) -> PhotoList:
    """The photos of a split, from its class folders.

    Raises StudyError for a folder without class folders, for photos that lie outside of them, for a class without
    photos, for other folders beside ImageNet's classes, for photos of a kind that is not read, and for what cannot be
    read. What is no regular file is passed over, since reading it might never end.
    """
    root = _class_root(folder)
    classes = [name for name, is_folder in _entries(root) if is_folder]
    files, labels, sizes, empty = [], [], [], []
    for label, name in enumerate(classes):
        found = sorted(_files(root, name))
        if not found:
            empty.append(name)
        files += [file for file, _ in found]
        sizes += [size for _, size in found]
        labels += [label] * len(found)
    if empty:
        raise StudyError(f"{root}: {_named(empty)} without any photo; complete it or move it away")
    return photo_list(root, tuple(classes), files, labels, sizes)


def flat_folder(folder: Path) -> Path | None:
    """The folder in which photos lie without class folders: this one, or the only one in it; None if there is none."""
    for _ in range(MOST_NESTING):
        entries = list(_entries(folder))
        folders = [name for name, is_folder in entries if is_folder]
        photos = any(not is_folder and is_photo(name) for name, is_folder in entries)
        if photos or len(folders) != 1 or WNID.match(folders[0]):
            return folder if photos and not folders else None
        folder = folder / folders[0]
    return None


def flat_photos(root: Path, class_of: Mapping[str, str]) -> PhotoList:
    """The photos of a flat folder, in the order that they have in class folders.

    class_of: the class of each photo, by the file's name without suffix. Raises StudyError for what cannot be read.
    """
    classes = tuple(sorted(set(class_of.values())))
    labels = {name: label for label, name in enumerate(classes)}
    found = sorted(
        (labels[class_of[os.path.splitext(name)[0]]], name, size)
        for path, size in _files(root, ".")
        for name in [path.removeprefix("./")]
    )
    made = photo_list(root, classes, [name for _, name, _ in found], [k for k, *_ in found], [s for *_, s in found])
    return replace(made, flat=True)


def photo_list(
    root: Path, classes: tuple[str, ...], files: Sequence[str], labels: Sequence[int], sizes: Sequence[int]
) -> PhotoList:
    """A PhotoList of photos in this order. files: paths relative to ``root``. sizes: bytes."""
    encoded = np.array([os.fsencode(file) for file in files], dtype=np.bytes_)
    return PhotoList(root, classes, encoded, np.array(labels, dtype=np.int64), np.array(sizes, dtype=np.int64))


def _class_root(folder: Path) -> Path:
    root = folder
    for _ in range(MOST_NESTING):
        entries = list(_entries(root))
        folders = [name for name, is_folder in entries if is_folder]
        flat = [name for name, is_folder in entries if not is_folder and is_photo(name)]
        if flat:
            beside = f" beside {_named(folders)}" if folders else " and no class folders: it is flat"
            raise StudyError(
                f"{root} has {len(flat):,} photos{beside}; each photo belongs into the folder of its class"
            )
        if not folders:
            raise StudyError(f"{root} does not hold class folders with photos")
        wnids = [name for name in folders if WNID.match(name)]
        if wnids and len(wnids) < len(folders):
            others = [name for name in folders if name not in wnids]
            raise StudyError(f"{root}: {_named(others)} beside {len(wnids)} classes of ImageNet; move it away")
        if len(folders) > 1 or wnids or not holds_folders(root / folders[0]):
            return root
        root = root / folders[0]
    raise StudyError(f"{folder} holds folders in folders, but no class folders with photos")


def holds_folders(folder: Path) -> bool:
    """Whether a folder holds folders and no photos, so that it cannot be a class."""
    entries = list(_entries(folder))
    return any(is_folder for _, is_folder in entries) and not any(
        is_photo(n) for n, is_folder in entries if not is_folder
    )


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """The visible names in a folder, sorted, and whether each is a folder."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name, entry.is_dir()) for entry in found if visible(entry.name))
    except OSError as error:
        raise StudyError(f"{error.filename or folder} cannot be read ({error.strerror})") from None
    for name, is_folder in entries:
        if is_folder and not _is_text(name):
            raise StudyError(f"{folder} has a folder whose name is no UTF-8 ({os.fsencode(name)!a}); rename it")
        yield name, is_folder


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(root: Path, below: str) -> Iterator[tuple[str, int]]:
    """Every photo in a folder of ``root`` and its subfolders: its path relative to ``root``, and its size in bytes."""
    try:
        with os.scandir(root / below) as found:
            for entry in found:
                name = f"{below}/{entry.name}"
                if visible(entry.name) and entry.is_dir():
                    yield from _files(root, name)
                elif is_photo(entry.name):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        yield name, status.st_size
                else:
                    refuse_other_kind(str(root / name))
    except OSError as error:
        raise StudyError(f"{error.filename or root / below} cannot be read ({error.strerror})") from None


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"the folder{'s' if len(names) > 1 else ''} {shown}{more}"
