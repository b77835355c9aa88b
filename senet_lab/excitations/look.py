"""Looks at a network's gates: from images to files, figures and statements."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from senet_lab.data.protocol_view import protocol_view
from senet_lab.errors import StudyError
from senet_lab.excitations.capture import capture_excitations, taps_of
from senet_lab.excitations.class_names import WNIDS
from senet_lab.excitations.figures import figures_folder, write_figures
from senet_lab.excitations.files import write_capture
from senet_lab.excitations.frames import load_capture
from senet_lab.excitations.labelled_images import NAMES, Labelled, class_indices, of_protocol, open_labelled
from senet_lab.excitations.running import FEW_CLASSES
from senet_lab.excitations.statements import text_of, write_statements
from senet_lab.excitations.statistics import Excitations, Origin, save
from senet_lab.excitations.trained_network import TrainedNetwork
from senet_lab.loading import Progress
from senet_lab.models.sites import WrongImageSize
from senet_lab.records.file_system import refuse_unwritable
from senet_lab.training.numerics import set_switches

MOST_SHOWN, USUALLY_SHOWN = 6, 4  # classes in one figure


@dataclass(frozen=True, slots=True)
class Look:
    """The result of a look. text: the statements, for the user. folder: of the CSV files. paths: of statements and
    figures."""

    text: str
    folder: Path
    paths: tuple[Path, ...]

    @property
    def written(self) -> str:
        """The files that were written, in one line for the user."""
        pictures = ", ".join(str(path) for path in self.paths if path.suffix == ".png")
        return f"written: {self.folder}/*.csv, {pictures}"


def check_classes(data: str, classes: Sequence[str]) -> None:
    """Raises StudyError for images and classes that are not there, before anything is trained or captured.

    The classes of images in memory are looked at later, since they may have to be downloaded.
    """
    if Path(data).is_dir() or data not in NAMES:
        class_indices(open_labelled(data), list(classes))


def look_at(
    subject: TrainedNetwork,
    root: Path,
    data: str | None,
    classes: Sequence[str],
    device: str,
    figures: Sequence[str] | None = None,
) -> Look:
    """Captures a network on the images of this name, and writes files, figures and statements.

    Arrays go to <root>/cache/excitations, the files that git keeps to <root>/excitations, figures to <root>/figures.
    data: None for the evaluation images of the data set that the network was trained on. classes: those that figures
    show; if none is named, ``usual_classes``. figures: their names; None for all. Raises StudyError for images or
    classes that are not there, for images of a size that the network is not made for, and, before the pass over the
    images, where a folder cannot be written.
    """
    name = data or subject.data
    if name is None:
        raise StudyError("say with --data which images to show: cifar10, cifar100, synthetic, or a folder")
    taps_of(subject.model)  # a network without gates is refused before the images are looked for
    if subject.protocol and name == subject.data:
        labelled = of_protocol(subject.protocol)
    else:
        labelled = open_labelled(name, protocol_view(subject.protocol) if subject.protocol else subject.view)
    task = task_of(subject, root, labelled, classes, own_data=name == subject.data)
    set_switches()
    target = torch.device(device)
    try:
        found = capture_excitations(
            subject.model.to(target),
            _counted(labelled, target),
            labelled.class_names,
            own_rows=task.own_rows,
            origin=task.origin,
            precision=subject.precision,
        )
    except WrongImageSize as error:
        raise StudyError(f"{name} cannot be shown to {subject.name}: {error}") from None
    return keep(task, found, figures)


def _counted(labelled: Labelled, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of a pass, whose progress is printed on stderr."""
    progress = Progress(labelled.images, lambda text: print(text, file=sys.stderr, flush=True))
    for images, labels in labelled.batches(device):
        yield images, labels
        progress.add(len(labels))


@dataclass(frozen=True, slots=True)
class Task:
    """A capture before its pass over the images. name: of its files. shown: labels of the classes that figures show."""

    subject: TrainedNetwork
    root: Path
    labelled: Labelled
    shown: Sequence[int]
    name: str
    origin: Origin

    @property
    def own_rows(self) -> list[int] | None:
        """The labels of classes with a histogram of their own; None for all classes."""
        return None if len(self.labelled.class_names) <= FEW_CLASSES else sorted(self.shown)


def task_of(
    subject: TrainedNetwork, root: Path, labelled: Labelled, classes: Sequence[str], own_data: bool = False
) -> Task:
    """The capture of a network on these images. own_data: whether they are of the data set that it was trained on.

    Raises StudyError for classes that are not there, for too many classes, and where a folder cannot be written.
    """
    shown = list(dict.fromkeys(class_indices(labelled, list(classes)))) or usual_classes(labelled)
    if len(shown) > MOST_SHOWN:
        raise StudyError(f"{len(shown)} classes are too many for one figure; name up to {MOST_SHOWN}")
    origin = replace(
        subject.origin,
        dataset=labelled.dataset,
        split=labelled.split,
        synthetic=labelled.synthetic or subject.origin.synthetic,
    )
    refuse_unwritable([_arrays(root), root / "excitations", figures_folder(root, origin.is_demo)], root)
    name = subject.name if own_data else f"{subject.name}-on-{_slug(labelled)}"
    return Task(subject, root, labelled, shown, name, origin)


def keep(task: Task, found: Excitations, figures: Sequence[str] | None = None) -> Look:
    """Writes a capture's arrays, files, statements and figures. figures: None for all."""
    save(_arrays(task.root) / f"{task.name}.npz", found)
    folder = write_capture(task.root, task.name, found, [task.labelled.class_names[k] for k in task.shown])
    captured = load_capture(folder)
    statements, path = write_statements(captured, folder)
    text = "\n".join([text_of(captured, statements), *task.subject.notes])
    return Look(text, folder, (path, *write_figures(captured, task.root, figures)))


def _arrays(root: Path) -> Path:
    return root / "cache" / "excitations"


def usual_classes(labelled: Labelled) -> list[int]:
    """The labels of the paper's four classes if all have images, else of four of the classes with the most images."""
    known = {name: k for names in (labelled.class_names, labelled.folders) for k, name in enumerate(names)}
    paper = [known[one] for one in (wnid if wnid in known else name for wnid, name in WNIDS.items()) if one in known]
    if len(paper) == len(WNIDS) and all(labelled.image_counts[k] for k in paper):
        return paper
    most = max(labelled.image_counts)
    full = [k for k, count in enumerate(labelled.image_counts) if count == most]
    if len(full) < USUALLY_SHOWN:
        by_count = sorted(range(len(labelled.image_counts)), key=lambda k: (-labelled.image_counts[k], k))
        return sorted(k for k in by_count[:USUALLY_SHOWN] if labelled.image_counts[k])
    return sorted({full[round(i * (len(full) - 1) / (USUALLY_SHOWN - 1))] for i in range(USUALLY_SHOWN)})


def _slug(labelled: Labelled) -> str:
    name = labelled.dataset if labelled.split else "folder"
    return f"{name}-{labelled.images}-images{f'-{labelled.digest[:8]}' * bool(labelled.digest)}".lower()
