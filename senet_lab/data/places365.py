"""Places365-Standard at 256 x 256 pixels: from class folders, or from the authors' folders and lists of files."""

import os
from pathlib import Path

from senet_lab.data.folder import FOLDER_VARIABLE, data_folder
from senet_lab.data.photo_folders import PhotoList, find_split, photo_list, photos_of
from senet_lab.data.photos import size_of
from senet_lab.errors import StudyError

ROOTS = ("places365_standard", "places365")
CLASSES = "categories_places365.txt"
SIZE = (256, 256)  # pixels
# For each split: its list of files, and the folders that may hold them.
LISTS = {
    "train": ("places365_train_standard.txt", ("data_256_standard", "data_256")),
    "test": ("places365_val.txt", ("val_256",)),
}


def places365() -> dict[str, PhotoList]:
    """Training and validation photos. Raises StudyError where they are missing, or where a list names absent files."""
    for root in (data_folder() / name for name in ROOTS):
        if (root / LISTS["train"][0]).is_file():
            classes = _classes(root / CLASSES)
            return _small({split: _listed(root, split, classes) for split in LISTS})
        folders = {split: find_split(root, split) for split in LISTS}
        if all(folders.values()):
            return _small({split: photos_of(folder) for split, folder in folders.items() if folder})
    raise StudyError(
        f"{data_folder() / ROOTS[0]} has neither train/ and val/ with class folders nor {LISTS['train'][0]} and "
        f"{LISTS['test'][0]} with data_256_standard/ and val_256/; put Places365-Standard there, or set "
        f"{FOLDER_VARIABLE} to the folder that holds it"
    )


def _small(found: dict[str, PhotoList]) -> dict[str, PhotoList]:
    """Raises StudyError for photos of another edition, such as Places365's large ones: protocols name this one."""
    place = found["test"].path(0)
    width, height = size_of(place)
    if (width, height) != SIZE:
        raise StudyError(
            f"{place} is {width} x {height} pixels; the photos of Places365-Standard that protocols name have "
            f"{SIZE[0]} x {SIZE[1]}. For others say --data FOLDER, which gives them a name of their own"
        )
    return found


def _classes(path: Path) -> tuple[str, ...]:
    names = [name for name, _ in sorted(_lines(path), key=lambda line: line[1])]
    return tuple(name.lstrip("/").partition("/")[2] for name in names)  # "/a/airfield" becomes "airfield"


def _listed(root: Path, split: str, classes: tuple[str, ...]) -> PhotoList:
    name, folders = LISTS[split]
    folder = next((root / f for f in folders if (root / f).is_dir()), None)
    if folder is None:
        raise StudyError(f"{root} has {name}, but no folder {' or '.join(folders)} with its photos")
    files, labels, sizes = [], [], []
    for file, label in sorted(_lines(root / name), key=lambda line: (line[1], line[0])):
        if label >= len(classes):
            raise StudyError(f"{root / name}: {file} has class {label}; {CLASSES} names {len(classes)}")
        files.append(file.lstrip("/"))
        labels.append(label)
        try:
            sizes.append(os.stat(folder / files[-1]).st_size)
        except OSError as error:
            raise StudyError(f"{folder / files[-1]}, of {name}: {error.strerror}") from None
    return photo_list(folder, classes, files, labels, sizes)


def _lines(path: Path) -> list[tuple[str, int]]:
    """The lines of a list, each a name and a number. Raises StudyError, which names file and line, for any other."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})") from None
    found = []
    for number, line in enumerate(lines, start=1):
        name, _, label = line.strip().rpartition(" ")
        if not name or not label.isdecimal():
            raise StudyError(f"{path}, line {number}: {line[:80]!r} is no name with a class number")
        found.append((name, int(label)))
    return found
