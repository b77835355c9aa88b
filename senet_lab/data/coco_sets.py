"""Finds the photos with boxes that a protocol names: COCO's in the data folder, or a user's folder of the same form.

coco/annotations/instances_train2014.json, coco/annotations/instances_val2014.json, coco/train2014/, coco/val2014/
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from senet_lab.data.coco import BoxedPhotos, read_boxes
from senet_lab.data.damaged import ON_ITS_SIDE, DamagedPhoto
from senet_lab.data.folder import FOLDER_VARIABLE, data_folder
from senet_lab.data.own_photos import DATA, DIGEST_LENGTH, name_of
from senet_lab.data.photos import read_photo
from senet_lab.errors import StudyError
from senet_lab.study.detection import Detection
from senet_lab.study.protocol import Dataset, PhotoSet, Protocol

ROOT = "coco"
FILE = "instances_{}.json"
LONGEST_RAMP = 4  # the ramp of a user's own boxes takes at most a quarter of a run
Splits = dict[str, BoxedPhotos]


def open_boxes(protocol: Protocol, folder: Path | None = None) -> Splits:
    """Training (``train``) and evaluation (``test``) photos of a protocol of detection.

    folder: where a user's own photos lie. Raises StudyError where the photos or their annotations are missing, broken,
    or not those that the protocol names, and for an evaluation photo of a user's own that cannot be shown.
    """
    assert protocol.detection is not None
    own = protocol.photos is not None
    root = data_folder() / ROOT if not own else folder
    if root is None:
        assert protocol.photos is not None
        raise StudyError(f"{protocol.name} is about the photos {protocol.photos.name}; say with --data where they lie")
    found = _read(root, protocol.detection, own)
    if protocol.photos is not None and _digest(found) != protocol.photos.digest:
        raise StudyError(f"{root} has other files than those that {protocol.name} is about; restore them")
    if own:
        _look_at(found["test"], root / "annotations" / FILE.format(protocol.detection.test))
    for split, said in (("train", protocol.train_images), ("test", protocol.test_images)):
        photos = found[split]
        if len(photos) != said or len(photos.categories) != protocol.num_classes:
            raise StudyError(
                f"{photos.root} has {len(photos):,} photos of {len(photos.categories)} categories; {protocol.name} "
                f"says {said:,} of {protocol.num_classes}: complete it, or name the folder with --data to train on "
                "what is there, under a name of its own"
            )
    return found


def own_boxes(recipe: Protocol, folder: Path) -> Protocol:
    """The protocol ``<folder>-by-<recipe>``: a recipe of detection on the photos of a user's folder.

    Raises StudyError for a folder of another form, and where the recipe cannot be trained on its photos.
    """
    assert recipe.detection is not None
    if not folder.is_dir():
        raise StudyError(f"{folder} is no folder; --data names one with annotations/ and a folder of photos a split")
    names = [_split_of(folder, begin) for begin in ("train", "val")]
    detection = replace(recipe.detection, train=names[0], test=names[1], epoch_steps=0)
    found = _read(folder, detection, own=True)
    train, test, name = found["train"], found["test"], name_of(folder)
    name = f"own-{name}" if name.lower() == ROOT else name
    described = f"{len(train.categories)} categories, {len(train):,} training and {len(test):,} evaluation photos"
    # The ramp keeps a new detector from diverging in its first steps, so it does not shrink with the number of photos.
    asked, steps = recipe.schedule.warmup_steps, recipe.epochs * (len(train) // recipe.batch_size)
    warmup = min(asked, steps // LONGEST_RAMP)
    others = [departure for departure in recipe.departures if not departure.startswith(DATA)]
    if warmup != asked:
        others.append(f"the ramp of the rate takes {warmup} steps, a quarter of the run, in place of {asked}")
    try:
        return replace(
            recipe,
            name=f"{name}-by-{recipe.name}",
            version=recipe.version + 1,  # the ramp of the first one shrank with the number of photos
            dataset=Dataset.FOLDER,
            photos=PhotoSet(name, _digest(found)),
            num_classes=len(train.categories),
            train_images=len(train),
            test_images=len(test),
            schedule=replace(recipe.schedule, warmup_steps=warmup),
            evaluation_split="validation",
            detection=detection,
            title=f"photos of the folder {name} ({described}), recipe of {recipe.name}",
            departures=(
                f"{DATA}photos of the folder {name} in place of {recipe.dataset.value}, each epoch a pass over them",
                *others,
            ),
        )
    except ValueError as error:
        raise StudyError(f"{folder} has {described}: {error}") from None


def _read(root: Path, detection: Detection, own: bool) -> Splits:
    found = {}
    for split, name in (("train", detection.train), ("test", detection.test)):
        file, below = root / "annotations" / FILE.format(name), root / name
        for place in (file, below):
            if not place.exists():
                hint = "" if own else f", or set {FOLDER_VARIABLE} to the folder that holds {ROOT}/"
                raise StudyError(f"{place} is missing: put annotations/{FILE.format(name)} and {name}/ there{hint}")
        found[split] = read_boxes(file, below, empty_boxes=not own)
    train, test = found["train"], found["test"]
    if train.categories != test.categories:
        odd = min(set(train.categories) ^ set(test.categories))
        raise StudyError(
            f"category {odd[0]} ({odd[1]}) is not the same in {train.root} and {test.root}; both need each"
        )
    for photos, which in ((train, train.trained), (test, ~test.crowd)):
        if not which.any():
            raise StudyError(f"no photo of {photos.root} has a box, crowds left out; there is nothing to find")
    return found


def _look_at(photos: BoxedPhotos, file: Path) -> None:
    """Reads every evaluation photo once, before a detector is trained for hours.

    To mend one later would make another data set of a user's own folder, and so another run. file: the annotations.
    """
    for index in range(len(photos)):
        width, height = photos.sizes[index].tolist()
        try:
            size = read_photo(photos.path(index)).size
        except DamagedPhoto as error:
            raise StudyError(f"before training: {error.damage.mended}") from None
        if size != (width, height):
            aside = f" ({ON_ITS_SIDE})" * (size == (height, width))
            raise StudyError(
                f"{file}: {photos.files[index]} is {width} x {height} pixels there, and {size[0]} x {size[1]} in its "
                f"own file{aside}; mend one of them before training"
            )


def _split_of(folder: Path, begin: str) -> str:
    """The name of the folder's one split that begins so, such as train2014. Raises StudyError for none or several."""
    names = sorted(path.name for path in (folder / "annotations").glob(FILE.format(f"{begin}*")) if path.is_file())
    if len(names) != 1:
        files = f"annotations/{FILE.format(f'{begin}*')}"
        said = f"has {len(names)} files {files}" if names else f"has no file {files}"
        raise StudyError(f"{folder} {said}; photos with boxes need one for train... and one for val...")
    return names[0].removeprefix("instances_").removesuffix(".json")


def _digest(found: Splits) -> str:
    return hashlib.sha256(f"{found['train'].digest} {found['test'].digest}".encode()).hexdigest()[:DIGEST_LENGTH]
