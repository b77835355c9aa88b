"""Trains each run on several devices together.

The command either starts one process of itself for each device, or finds that torchrun or srun has started it so.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab.cli.catalogue import RESULTS
from senet_lab.cli.damaged import damaged_text, readable
from senet_lab.errors import StudyError
from senet_lab.study import Run

if TYPE_CHECKING:
    from senet_lab.cli.runs import TrainingOptions

RANDOM_PARTS = (
    "these networks have random parts of their own, such as dropout; train them in one process, with --row and without "
    "--devices or torchrun"
)


def has_company() -> bool:
    """Whether torchrun or srun started this process as one of several.

    Raises StudyError where their environment variables contradict each other.
    """
    from senet_lab.training.process_rank import process_rank

    return process_rank().together


def trained_together(
    name: str, runs: Sequence[Run], labels: dict[tuple[str, int], str], root: Path, options: "TrainingOptions"
) -> list[Run]:
    """Trains the runs that have no record one after the other, each on all devices, and returns them.

    Only the first process writes, prints and returns; the others end here. Raises StudyError where nothing can be
    trained or written, and Paused where a signal or the time limit stopped it.
    """
    if options.workers is not None and options.workers > 1:
        raise StudyError("on several devices runs are trained one after the other; leave --workers out")
    if has_company():
        return _as_one_of_them(name, runs, labels, root, options)
    from senet_lab.records.store import Store

    missing, damaged = readable(Store(root), runs)
    if not missing and damaged:
        raise StudyError(damaged_text(damaged))
    if not missing:
        say_nothing_to_train(name, runs, root)
        return []
    from senet_lab.fleet.group import start

    make_small_photos(missing, options.data, options.skip_damaged)
    status = start(_words(sys.argv[1:]), options.devices, options.settings())
    if status:
        raise SystemExit(status)  # one of the processes has printed the reason
    return missing


def _words(words: Sequence[str]) -> list[str]:
    """The command line of each process. ``reproduce`` becomes ``train``, since only this process reports afterwards."""
    return ["train" if word == "reproduce" and not at else word for at, word in enumerate(words) if word != "--json"]


def _as_one_of_them(
    name: str, runs: Sequence[Run], labels: dict[tuple[str, int], str], root: Path, options: "TrainingOptions"
) -> list[Run]:
    from senet_lab.fleet.group import enter, train_each
    from senet_lab.fleet.signals import asking_to_end
    from senet_lab.records.publish import tidy
    from senet_lab.records.store import Store
    from senet_lab.training.process_rank import process_rank
    from senet_lab.training.stopping import StopSign

    store, place = Store(root), process_rank()
    # This comes before the processes connect: a process that waits for the others gives up after some minutes.
    to_train, damaged = readable(store, runs)
    make_small_photos(to_train, options.data, options.skip_damaged)
    ranks, settings = enter(place, options.settings())
    if place.first:
        tidy(store, [run for run in runs if run not in damaged])
    missing, alone = parted(ranks.told(to_train if place.first else []))
    if place.first and missing:
        make_ready(name, missing, root)
        devices = f"{place.count} processes together, {settings.device} and its neighbours"
        print(f"{name}: {len(missing)} of {len(runs)} runs to train by {devices}", file=sys.stderr)
    from senet_lab.cli.console import Watch

    stop = StopSign(None if options.max_minutes is None else 60 * options.max_minutes)
    with asking_to_end(stop):
        if place.first and missing:
            with Watch(missing, labels) as watch:
                refused = train_each(missing, store, settings, ranks, watch, stop)
        else:
            refused = train_each(missing, store, settings, ranks, None, stop)
    if not place.first:
        raise SystemExit(0)
    if alone:
        names = ", ".join(labels[run.cell.key, run.seed] for run in alone)
        refused.append(f"left out: {names}; {RANDOM_PARTS}")
    if damaged:
        refused.append(damaged_text(damaged))
    if refused:
        raise StudyError("; ".join(refused))
    if not missing:
        say_nothing_to_train(name, runs, root)
    return missing


def parted(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The runs that several processes can train together, and those that one process has to train."""
    from senet_lab.fleet.gpu_capacity import has_random_parts

    random = {cell: has_random_parts(cell) for cell in dict.fromkeys(run.cell for run in runs)}
    return [run for run in runs if not random[run.cell]], [run for run in runs if random[run.cell]]


def say_nothing_to_train(name: str, runs: Sequence[Run], root: Path) -> None:
    """Says on stderr that all runs are recorded, and how this machine can train them as well."""
    again = ""
    if root.resolve() == RESULTS.resolve() and not all(run.cell.protocol.synthetic for run in runs):
        again = "; to train them again, name another folder: --results FOLDER (with make: RESULTS=FOLDER)"
    print(f"{name}: all {len(runs)} runs are recorded, nothing to train{again}", file=sys.stderr)


def make_small_photos(missing: Sequence[Run], data: Path | None, skip_damaged: bool) -> None:
    """Makes the resized photos that the runs' protocols ask for, where they are not made yet.

    Raises the StudyErrors of ``small_photos``.
    """
    wanted = dict.fromkeys(run.cell.protocol for run in missing if run.cell.protocol.small_photos)
    if wanted:
        from senet_lab.data.open import open_photos
        from senet_lab.data.small_photos import small_photos

        for protocol in wanted:
            small_photos(open_photos(protocol, data)["train"], protocol.small_photos, skip_damaged=skip_damaged)


def make_ready(name: str, missing: Sequence[Run], root: Path) -> None:
    """Prepares the results folder, and keeps the networks' counts. Raises StudyError for one that cannot be built."""
    from senet_lab.cli.network_counts import counts_of, keep_counts, refuse_other_sizes
    from senet_lab.records.store import Store

    refuse_other_sizes(run.cell for run in missing)
    _, counted = counts_of([run.cell for run in missing], root)
    print(f"{name}: {Store(root).prepare().text}", file=sys.stderr)
    keep_counts(counted, root / "cache")
