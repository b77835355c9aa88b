"""The classes of ImageNet-1k, and the files that say which photo shows which class."""

import csv
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from senet_lab.errors import StudyError

NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})")
WNID = re.compile(r"n\d{8}$")  # a WordNet ID: the name of a class folder of ImageNet
IMAGES = 50_000  # in the validation set
DEVKIT_LABELS, DEVKIT_META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
KAGGLE_LABELS = "LOC_val_solution.csv"
DEVKIT_FOLDERS = (".", "data", "ILSVRC2012_devkit_t12/data", "devkit/data", "devkit")
AGREEMENT = 0.5  # least share of labels that agree with the reassessed ones: 0.9 is usual, 0.001 if lines are permuted
LEAST_JUDGED = 100  # images that are needed to judge the agreement


@lru_cache(maxsize=1)
def wnids() -> tuple[str, ...]:
    """The 1000 classes by their WordNet id, in the order of the networks' outputs: sorted."""
    text = resources.files("senet_lab.data").joinpath("wnids.txt").read_text(encoding="ascii")
    return tuple(text.split())


@lru_cache(maxsize=1)
def class_index() -> Mapping[str, int]:
    """The index of the network's output, 0 to 999, for each WordNet id."""
    return {wnid: index for index, wnid in enumerate(wnids())}


def number_of(name: str) -> int | None:
    """The number of a validation photo, 1 to 50,000, from its name; None for a name without such a number."""
    found = NUMBERED.search(name)
    return int(found[1]) if found else None


def flat_labels(root: Path, path: Path, names: Sequence[str]) -> tuple[dict[str, str], str]:
    """The WordNet id of each photo of a flat folder, by its name without suffix, and which file says so, in words.

    names: of the photos' files. root: the folder of the photos. path: the folder that the user named. Kaggle's or the
    devkit's file is looked for in ``root`` and the folders above it, up to the one that contains ``path``. Raises
    StudyError where there is none, and where a photo has no label.
    """
    stems = [name.rsplit(".", 1)[0] for name in sorted(names)]
    solution = _beside(root, path, KAGGLE_LABELS, (".",))
    if solution:
        found, words = kaggle_labels(solution), solution.name
    else:
        truth = _beside(root, path, DEVKIT_LABELS, DEVKIT_FOLDERS)
        if truth is None:
            raise StudyError(
                f"{root} has {len(stems):,} photos in no class folders and no labels: put {KAGGLE_LABELS} or the "
                f"devkit's {DEVKIT_LABELS} (with meta.mat) beside them"
            )
        found, words = _by_stem(truth, stems), "devkit"
    missing = next((stem for stem in stems if stem not in found), None)
    if missing is not None:
        raise StudyError(f"{root}: photo {missing} has no label ({words})")
    return {stem: found[stem] for stem in stems}, words


def _by_stem(truth: Path, stems: Sequence[str]) -> dict[str, str]:
    """The devkit's labels by the photos' names: by their numbers, or in the order of the files where they have none."""
    labels, numbers = devkit_labels(truth), [number_of(stem) for stem in stems]
    known = [number for number in numbers if number is not None]
    if len(known) == len(stems):
        if max(known) > len(labels):
            raise StudyError(f"{truth} has {len(labels):,} lines; photo {max(known)} has none")
        return {stem: labels[number - 1] for stem, number in zip(stems, known, strict=True)}
    if len(labels) != len(stems):
        raise StudyError(f"{truth} has {len(labels):,} lines for {len(stems):,} photos without ILSVRC numbers")
    return dict(zip(stems, labels, strict=True))


def _beside(root: Path, path: Path, name: str, folders: Iterable[str]) -> Path | None:
    places = [root, *root.parents[:4], path, path.parent]
    for place in places:
        for folder in folders:
            if (place / folder / name).is_file():
                return place / folder / name
        if place == path.parent:
            break
    return None


def kaggle_labels(path: Path) -> dict[str, str]:
    """The WordNet id of each photo, by the photo's name, from Kaggle's ``LOC_val_solution.csv``.

    Raises StudyError, which names the line, for a file of another form.
    """
    labels: dict[str, str] = {}
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        lines = csv.reader(file)
        if next(lines, [])[:2] != ["ImageId", "PredictionString"]:
            raise StudyError(
                f"{path} does not begin with ImageId,PredictionString; take {KAGGLE_LABELS} as Kaggle has it"
            )
        for line in lines:
            wnid = line[1].split(" ", 1)[0] if len(line) > 1 else ""
            if wnid not in class_index():
                raise StudyError(f"{path} line {lines.line_num}: {wnid[:40]!r} is no class of ImageNet-1k")
            if line[0] in labels:
                raise StudyError(f"{path} line {lines.line_num}: {line[0]} is labelled twice")
            labels[line[0]] = wnid
    return labels


def devkit_labels(path: Path) -> list[str]:
    """The WordNet id of each validation photo, in order, from the development kit's ground truth.

    The file's numbers are ILSVRC2012_IDs, which are not in the order of WordNet ids. ``meta.mat`` beside the file says
    what they mean. Raises StudyError where that file is missing, and for a line that is not such a number.
    """
    meta = path.with_name(DEVKIT_META)
    by_number = _devkit_classes(meta)
    labels = []
    for number, line in enumerate(path.read_text(errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        if not line.strip().isdigit() or int(line) not in by_number:
            raise StudyError(f"{path} line {number}: {line.strip()[:40]!r} is no class number of {meta.name}")
        labels.append(by_number[int(line)])
    return labels


def _devkit_classes(meta: Path) -> dict[int, str]:
    from scipy.io import loadmat

    if not meta.is_file():
        raise StudyError(f"{meta} is missing; it belongs beside {DEVKIT_LABELS}, both in the devkit's data folder")
    try:
        synsets = loadmat(str(meta), squeeze_me=True)["synsets"]
        found = {int(synset["ILSVRC2012_ID"]): str(synset["WNID"]) for synset in synsets}
    except Exception as error:  # scipy raises many kinds for a file that is not Matlab's
        raise StudyError(f"{meta} is not the devkit's ({type(error).__name__}: {str(error)[:80]})") from None
    return {number: wnid for number, wnid in found.items() if wnid in class_index()}


def blacklisted(path: Path) -> frozenset[int]:
    """The numbers of the photos in the 2014 blacklist.

    Raises StudyError for a file that cannot be read, and for a line that is not a photo's number.
    """
    try:
        lines = path.read_text(errors="replace").split()
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}); it is the list of photos to leave out") from None
    for number, line in enumerate(lines, start=1):
        if not line.isdigit() or not 1 <= int(line) <= IMAGES:
            raise StudyError(f"{path} line {number}: {line[:40]!r} is no number of a validation photo")
    return frozenset(map(int, lines))


@lru_cache(maxsize=1)
def reassessed() -> Sequence[Sequence[int]] | None:
    """The reassessed labels (ReaL, Beyer et al. 2020) of validation photos 1 to 50,000. A photo has none or several.

    They come with the package timm; None if timm is not installed.
    """
    package = importlib.util.find_spec("timm")  # importing timm would take seconds
    path = Path((package.origin if package else None) or "timm").with_name("data") / "_info/imagenet_real_labels.json"
    try:
        labels: Sequence[Sequence[int]] = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    return labels


def refuse_permuted(names: Sequence[str], labels: Sequence[int], source: str) -> None:
    """Raises StudyError where labels disagree with the reassessed ones far more often than correct labels do.

    source: of the labels, for the message. Only photos with numbers are judged, and only where timm is installed.
    """
    numbered = [(number, label) for name, label in zip(names, labels, strict=True) if (number := number_of(name))]
    real = reassessed() if len(numbered) >= LEAST_JUDGED else None
    if real is None:
        return
    judged = [label in real[number - 1] for number, label in numbered if number <= IMAGES and real[number - 1]]
    if judged and sum(judged) < AGREEMENT * len(judged):
        raise StudyError(
            f"{source}: {sum(judged):,} of {len(judged):,} labels agree with the reassessed ones; some 90 % do where "
            "the labels belong to their photos. Its lines are permuted, or it is another data set"
        )
