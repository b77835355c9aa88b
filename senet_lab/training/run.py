"""Trains one run and publishes its record."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from senet_lab.data.batches import WHOLE, Share
from senet_lab.data.coco_data import CocoData, Source
from senet_lab.data.open import open_coco, open_source
from senet_lab.errors import StudyError
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.models.stochastic import is_stochastic
from senet_lab.records.curves import curve_csv
from senet_lab.records.files import remove_file, replace_file
from senet_lab.records.gate_health import gates_csv
from senet_lab.records.lease import Lease
from senet_lab.records.publish import RunFiles, publish
from senet_lab.records.record import Record, TrainedPart
from senet_lab.records.store import Store
from senet_lab.study.cell import Run, canonical_json
from senet_lab.training import state_file
from senet_lab.training.checkpoint import Checkpoint
from senet_lab.training.epoch import Diverged
from senet_lab.training.parts import part_here, with_steps
from senet_lab.training.progress import Progress, Report
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.recording import LeftOut, provenance_of, record_of
from senet_lab.training.resuming import checkpoint_of, say_what_changed
from senet_lab.training.run_state import Hooks, Trained
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.state_file import Kind, Saved
from senet_lab.training.stopping import SavePlan, TakenOver
from senet_lab.training.trunks import Trunk, trunk_of
from senet_lab.training.turns import TURNS

LOG = logging.getLogger("senet_lab")
T = TypeVar("T")


def open_data(run: Run, settings: Settings, opened: dict[str, Source], share: Share = WHOLE) -> Source:
    """The data of a run's protocol, opened once for all runs that share it. Raises StudyError as ``open_source``.

    opened: the data that are open already; what is opened here is added."""
    name = canonical_json(run.cell.protocol)
    if name not in opened:
        open_one = open_source if run.cell.protocol.detection is None else open_coco
        opened[name] = open_one(
            run.cell.protocol,
            torch.device(settings.device),
            folder=settings.photos,
            share=share,
            skip_damaged=settings.skip_damaged,
            loaders=settings.loaders,
        )
    return opened[name]


def make(
    run: Run,
    data: Source,
    store: Store,
    settings: Settings,
    report: Report,
    plan: SavePlan | None = None,
    ranks: Ranks = ALONE,
    lease: Lease | None = None,
) -> Record:
    """Trains one run, from its last checkpoint if there is one, and publishes its record and files. Returns the record.

    A run whose loss becomes infinite or NaN gets a record that says so. If another process has recorded the run in the
    meantime, its record stands and is returned. ranks: the processes that call this together; the first one writes.
    lease: the claim on the run, in the process that writes. Raises TakenOver, without writing, where another worker has
    taken the run over, Paused where the plan asks for the end, CheckpointError for a checkpoint that does not fit this
    run, and StudyError for a network that several processes cannot train together and for a trunk without its weights.
    """
    protocol, path = run.cell.protocol, store.path(run, "cache/checkpoints", ".safetensors")
    trunk = trunk_of(run, Store(settings.trunk_results) if settings.trunk_results else store, settings.trunks)
    model = _built(run, trunk, data.device, ranks)
    here = part_here(run.cell, data.device, settings, ranks)
    digests = data.sha256 | ({"trunk": trunk.sha256} if trunk else {})
    before = checkpoint_of(run, store, model, here, digests, ranks)
    earlier = before.state.steps(protocol) if before else 0
    say_what_changed(run, before if ranks.first else None, here, report)
    left_out = LeftOut(data, before.left_out if before else (), ranks)

    def parts(steps: int) -> tuple[TrainedPart, ...]:
        return with_steps(before.parts if before else (), here, steps - earlier)

    def save(state: Checkpoint) -> None:
        saved = Saved(state, parts(state.steps(protocol)), left_out.names, digests)
        replace_file(path, state_file.to_bytes(Kind.CHECKPOINT, run, saved))

    trained = failure = None
    hooks = Hooks(plan=plan or SavePlan(), meet=left_out.meet)
    if ranks.first:
        hooks = replace(hooks, save=_while_held(lease, save, beat=True), report=_while_held(lease, report))
    try:
        trained = _train(run, model, data, settings, before.state if before else None, hooks, ranks, store)
        steps, seconds = trained.state.steps(protocol), trained.state.seconds
    except Diverged as error:
        steps, seconds, failure = error.steps, error.seconds, str(error)
    where = provenance_of(here, parts(steps), digests, left_out.meet(), seconds)
    record = record_of(run, model, trained, failure, where)
    if ranks.first:
        record = _published(store, record, _files(run, model, trained, where.parts) if trained else RunFiles(), report)
        remove_file(path)
    return ranks.told(record)


def _while_held(lease: Lease | None, call: Callable[[T], None], beat: bool = False) -> Callable[[T], None]:
    """``call``, which raises TakenOver instead where another worker has the lease.

    beat: whether to ask for it anew each time, as before a write. By itself the lease asks a few times a minute, but
    not while its process stands still.
    """

    if lease is None:
        return call

    def held(argument: T) -> None:
        if beat:
            lease.beat()
        if lease.lost:
            raise TakenOver("another worker took it over while this one stood still")
        call(argument)

    return held


def _built(run: Run, trunk: Trunk | None, device: torch.device, ranks: Ranks) -> nn.Module:
    """The network of a run on its device. Raises StudyError for one that several processes cannot train together."""
    with TURNS.alone():  # a user's own blocks draw their weights from the global random stream
        model = channels_last(build_cell(run.cell, run.seed, trunk=trunk.state if trunk else None)).to(device)
    if ranks.together and is_stochastic(model):
        raise StudyError(f"{run.cell.backbone} has random parts of its own: it trains in one process")
    return model


def _published(store: Store, record: Record, files: RunFiles, report: Report) -> Record:
    """The record that stands: this one, or another worker's."""
    published = publish(store, record, files)
    if not published.taken:
        _say_that_another_stands(record.run, report)
    return published.record


def _say_that_another_stands(run: Run, report: Report) -> None:
    note, protocol = "another worker recorded this run first; its record, curve and weights stand", run.cell.protocol
    LOG.warning("%s seed %d: %s", run.cell.key, run.seed, note)
    steps = protocol.epochs * protocol.steps_per_epoch
    report(Progress(protocol.epochs, protocol.epochs, steps, steps, note=note))


def _train(
    run: Run,
    model: nn.Module,
    data: Source,
    settings: Settings,
    resume: Checkpoint | None,
    hooks: Hooks,
    ranks: Ranks,
    store: Store,
) -> Trained:
    cell, compiled, at_once = run.cell, settings.compiles(run.cell), settings.at_once
    if isinstance(data, CocoData):
        from senet_lab.training import detector_loop

        if settings.loggers:
            raise StudyError("detectors are trained without Lightning's loggers; leave --logger out")
        return detector_loop.train(model, data, cell, run.seed, resume=resume, hooks=hooks, ranks=ranks)
    if settings.executor_for(cell) is Executor.LIGHTNING:
        from senet_lab.training import lightning_loop, loggers

        logger = loggers.make_loggers(settings.loggers, run, store.root) if ranks.first else []
        try:
            return lightning_loop.train(
                model,
                data,
                cell,
                run.seed,
                resume=resume,
                hooks=hooks,
                compiled=compiled,
                ranks=ranks,
                at_once=at_once,
                logger=logger or None,
            )
        finally:
            loggers.close(logger)
    from senet_lab.training import device_loop

    return device_loop.train(
        model,
        data,
        cell.protocol,
        run.seed,
        resume=resume,
        hooks=hooks,
        compiled=compiled,
        ranks=ranks,
        at_once=at_once,
    )


def _files(run: Run, model: nn.Module, trained: Trained, parts: tuple[TrainedPart, ...]) -> RunFiles:
    kept = model.state_dict()
    tensors = {name: tensor for name, tensor in trained.state.model.items() if name in kept}
    weights = replace(trained.state, model=tensors, momentum={}, streams=())
    return RunFiles(
        curve=curve_csv(trained.state.curve),
        gates=gates_csv(trained.state.gates),
        weights=state_file.to_bytes(Kind.WEIGHTS, run, Saved(weights, parts)),
        boxes=None if trained.found is None else trained.found.to_bytes(),
    )
