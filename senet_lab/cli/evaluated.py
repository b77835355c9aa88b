"""What an evaluation gives beside records: excitations from the same pass, errors without blacklisted photos, pages."""

import sys
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab.cli import catalogue
from senet_lab.errors import StudyError

if TYPE_CHECKING:
    from senet_lab.cli.commands_evaluate import Choice
    from senet_lab.evaluation.networks import Network
    from senet_lab.evaluation.photo_set import PhotoSet
    from senet_lab.excitations.capture import WatchedNetwork
    from senet_lab.excitations.look import Task
    from senet_lab.records.evaluation import Evaluated
    from senet_lab.report.published import PublishedTable


def watched(
    opened: "Network", network: "Network", photos: "PhotoSet", choice: "Choice"
) -> "tuple[Task, WatchedNetwork]":
    """The task that says where excitations go, and the network that captures them while it is evaluated.

    opened: the network in its package's own view. network: the same in the view of this evaluation. Raises StudyError
    for a network without gates, and where the files could not be written.
    """
    from senet_lab.excitations.capture import WatchedNetwork
    from senet_lab.excitations.labelled_images import of_photo_set
    from senet_lab.excitations.look import task_of
    from senet_lab.excitations.networks_of_others import as_opened, from_library, is_of_a_library

    source = opened.source
    if not is_of_a_library(source):
        raise StudyError(f"--excitations takes timm:NAME or torchvision:NAME; senet-lab excitations takes {source}")
    subject = from_library(source, choice.weights) if choice.weights else as_opened(opened, choice.random_weights)
    shown = [f"at {network.view}"] if network.view != subject.view else []
    shown += ["in bf16"] if choice.arithmetic == "bf16" else []
    if shown:  # such a capture has a name of its own
        name = f"{subject.name}-{network.view.size}-of-{network.view.resize}-{choice.arithmetic}"
        told = f"{subject.origin.weights_from}, shown {' '.join(shown)}".removeprefix(", ")
        subject = replace(subject, name=name, origin=replace(subject.origin, weights_from=told))
    task = task_of(subject, choice.results, of_photo_set(photos, choice.data), ())
    return task, WatchedNetwork(network.model, task.labelled.class_names, task.own_rows)


def keep_excitations(task: "Task", watch: "WatchedNetwork") -> None:
    """Writes the captured excitations, and prints a summary on stderr."""
    from senet_lab.excitations.look import keep

    look = keep(task, watch.result(task.origin))
    print(look.text, file=sys.stderr)
    print(look.written, file=sys.stderr)


def left_out(blacklist: Path | None) -> frozenset[int] | None:
    """The photos of a blacklist, to be read before any photo is shown; None without one. Raises as ``blacklisted``."""
    from senet_lab.data.imagenet_labels import blacklisted

    return blacklisted(blacklist) if blacklist else None


def say_without_blacklist(out: Set[int], names: Sequence[str], found: "Sequence[Evaluated | None]") -> None:
    """Prints the errors without the blacklisted photos on stderr.

    out: their numbers. names: the photos' names, in the order of the evaluations' images.
    """
    import numpy as np

    from senet_lab.data.imagenet_labels import number_of
    from senet_lab.report.released import without

    keep = np.array([number_of(name) not in out for name in names])
    if not keep.any():
        print("every photo is on the blacklist, so no error is left without them", file=sys.stderr)
        return
    for one in found:
        if one is not None:
            print(without(one, keep, "outside the 2014 blacklist"), file=sys.stderr)


def write_released(paper: "PublishedTable", root: Path, evaluated: "Sequence[Evaluated]") -> tuple[str, list[Path]]:
    """Writes the page of a table's released weights from records alone; returns its text and its files.

    Both are empty where no evaluation of released weights is recorded for the table.
    """
    from senet_lab.records.files import replace_file
    from senet_lab.report.latex import latex
    from senet_lab.report.published import read_published
    from senet_lab.report.released import released_blocks, shown_for
    from senet_lab.report.render import markdown
    from senet_lab.report.views import title_of

    shown = shown_for(paper.table, catalogue.released(), evaluated)
    if not shown:
        return "", []
    blocks = released_blocks(shown, paper, read_published(catalogue.published_folder() / "release.csv"))
    title = f"{title_of(paper.table)}: released weights"
    texts = {".md": markdown(title, blocks), ".tex": latex(title, blocks)}
    paths = [root / "tables" / f"{paper.table.slug}-released{suffix}" for suffix in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        replace_file(path, text.encode())
    return texts[".md"], paths
