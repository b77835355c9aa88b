"""Trains the runs of a study that have no record."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from senet_lab import extensions
from senet_lab.cli.damaged import damaged_text, readable
from senet_lab.cli.own_code import warn_of_runs
from senet_lab.cli.together import has_company, make_ready, make_small_photos, say_nothing_to_train, trained_together
from senet_lab.errors import StudyError
from senet_lab.study import Run, Table
from senet_lab.study.cell import runs_of
from senet_lab.study.claim import Claim

if TYPE_CHECKING:
    from senet_lab.training.settings import Settings


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Where and how runs are trained. None of it is part of a protocol.

    workers: runs side by side; None for as many as the device takes. data: the folder of a user's own photos.
    skip_damaged: leave damaged training photos out and count them, instead of stopping the run. max_minutes: runs save
    and end after this time. devices: how many devices train each run together. at_once: the most images that pass
    through the network together; None for a device's whole part of a batch. trunks: the file that names weights for
    detectors' trunks. loaders: processes that load photos, for each process that trains; None for as many as there are
    cores for them. loggers: names of Lightning loggers. trunk_results: where recorded trunks lie, if elsewhere.
    """

    device: str = "auto"
    executor: str = "auto"
    threads: int = 1
    workers: int | None = None
    data: Path | None = None
    skip_damaged: bool = False
    max_minutes: float | None = None
    devices: int = 1
    at_once: int | None = None
    trunks: Path | None = None
    loaders: int | None = None
    loggers: tuple[str, ...] = ()
    trunk_results: Path | None = None

    def logged_by(self, names: Iterable[str] | None) -> "TrainingOptions":
        """These options with other loggers."""
        return replace(self, loggers=tuple(names or ()))

    def settings(self) -> "Settings":
        """The settings for the fleet. Raises StudyError for a device or a logger that this machine does not have."""
        from senet_lab.training.settings import Executor, Settings, refuse_loggers

        refuse_loggers(self.loggers, Executor(self.executor))
        return Settings(
            device_named(self.device),
            self.threads,
            Executor(self.executor),
            photos=self.data,
            skip_damaged=self.skip_damaged,
            at_once=self.at_once,
            trunks=self.trunks,
            trunk_results=self.trunk_results,
            extensions=extensions.sources(),
            loggers=self.loggers,
            loaders=self.loaders,
        )


def labels_of(table: Table, runs: Iterable[Run]) -> dict[tuple[str, int], str]:
    """The name of each run, by key and seed: table, row, seed.

    A run that only a claim needs has no row. It is called "plain" without SE blocks, and else by its cell's key.
    """
    rows: dict[str, str] = {}
    for row in table.rows:
        rows.setdefault(row.cell.key, row.label)
    for run in runs:
        rows.setdefault(run.cell.key, "plain" if run.cell.se is None else run.cell.key)
    return {(run.cell.key, run.seed): f"{table.name} {rows[run.cell.key]} seed {run.seed}" for run in runs}


def train_runs(table: Table, runs: Sequence[Run], root: Path, options: TrainingOptions) -> list[Run]:
    """Trains the runs that have no record, and returns them. Progress goes to stderr.

    Raises StudyError where nothing can be trained or written, and at the end where some runs broke. Raises Paused where
    a signal or the time limit stopped it.
    """
    warn_of_runs(runs, root)
    train = trained_together if options.devices > 1 or has_company() else _trained
    return train(table.name, runs, labels_of(table, runs), root, options)


def train_run(label: str, run: Run, root: Path, options: TrainingOptions) -> None:
    """Trains one run, unless ``root`` has its record. It needs no table. Raises the same errors as ``train_runs``."""
    _trained(label, [run], {(run.cell.key, run.seed): label}, root, options)


def work_on(studies: Sequence[tuple[Table, Sequence[Run]]], root: Path, options: TrainingOptions) -> list[Run]:
    """Trains the missing runs of several tables, beside other workers on the same folder.

    A run that another worker holds is left to it. Returns the runs that other workers still hold at the end. Raises the
    same errors as ``train_runs``.
    """
    runs = list(dict.fromkeys(run for _, planned in studies for run in planned))
    labels = {key: label for table, planned in studies for key, label in labels_of(table, planned).items()}
    warn_of_runs(runs, root)
    _trained(", ".join(table.name for table, _ in studies), runs, labels, root, options, sharing=True)
    from senet_lab.records.store import Store

    return Store(root).missing(runs)


def _trained(
    name: str,
    runs: Sequence[Run],
    labels: dict[tuple[str, int], str],
    root: Path,
    options: TrainingOptions,
    sharing: bool = False,
) -> list[Run]:
    from senet_lab.records.publish import tidy
    from senet_lab.records.store import Store

    store = Store(root)
    missing, damaged = readable(store, runs)
    tidy(store, [run for run in runs if run not in damaged])
    if not missing and damaged:
        raise StudyError(damaged_text(damaged))
    if not missing:
        say_nothing_to_train(name, runs, root)
        return []
    from senet_lab.cli.console import Watch
    from senet_lab.fleet.capacity import refuse_workers, workers_for
    from senet_lab.fleet.fleet import train_all
    from senet_lab.fleet.signals import asking_to_end
    from senet_lab.training.stopping import StopSign

    stop = StopSign(None if options.max_minutes is None else 60 * options.max_minutes)
    settings = options.settings()
    refuse_workers(settings, missing, options.workers or 1)
    make_ready(name, missing, root)
    make_small_photos(missing, options.data, options.skip_damaged)
    side_by_side = options.workers or workers_for(settings, missing, root)
    print(
        f"{name}: {len(missing)} of {len(runs)} runs to train on {settings.device}, {side_by_side} side by side",
        file=sys.stderr,
    )
    with asking_to_end(stop), Watch(missing, labels) as watch:
        broken = train_all(missing, store, settings, side_by_side, watch, stop, sharing)
    faults = []
    if broken:
        lines = "; ".join(broken)
        faults.append(f"{len(broken)} of {len(missing)} runs broke ({root}/cache/logs has more): {lines}")
    if damaged:
        faults.append(damaged_text(damaged))
    if faults:
        raise StudyError("; ".join(faults))
    return missing


def train_until(
    table: Table,
    claims: Sequence[Claim],
    seeds: int | None,
    max_hours: float | None,
    root: Path,
    options: TrainingOptions,
) -> None:
    """Trains a table until its comparisons are settled, with at most ``seeds`` seeds a row.

    None means ``resolve.MOST_SEEDS``.
    """
    from senet_lab.cli.gather import cost_model
    from senet_lab.cli.resolve import MOST_SEEDS, Limits, train_until_resolved
    from senet_lab.fleet.capacity import refuse_workers, workers_for

    most = MOST_SEEDS if seeds is None else seeds
    settings, all_runs = options.settings(), runs_of(table.cells, most)
    refuse_workers(settings, all_runs, options.workers or 1)
    side_by_side = options.workers or workers_for(settings, all_runs, root)
    train_until_resolved(
        table,
        claims,
        root,
        Limits(
            most,
            max_hours,
            side_by_side,
            lambda runs: cost_model(runs, root).on(_this_machine(options)),
        ),
        lambda runs, minutes: train_runs(
            table, runs, root, replace(options, workers=side_by_side, max_minutes=minutes)
        ),
        lambda text: print(f"{table.name}: {text}", file=sys.stderr),
    )


def _this_machine(options: TrainingOptions) -> str:
    """The machine that these options train on, as records name it."""
    import torch

    from senet_lab.records.cost import machine_name
    from senet_lab.training.provenance import cpu_flags, device_name

    device = torch.device(device_named(options.device))
    flags = cpu_flags() if device.type == "cpu" else ()
    return machine_name(device_name(device), options.threads, options.devices, flags)


def device_named(name: str) -> str:
    """The torch device of this name; ``auto`` is cuda where there is one, else cpu.

    Raises StudyError for a device that this machine does not have.
    """
    kind, _, index = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and not (kind == "cuda" and index.isdigit())):
        raise StudyError(f"device {name!r} is none of auto, cpu, cuda, cuda:N")
    if kind == "cpu":
        return "cpu"
    import torch

    if kind == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if int(index or 0) >= torch.cuda.device_count():
        raise StudyError(f"device {name!r}: this machine has {torch.cuda.device_count()} CUDA devices")
    return name
