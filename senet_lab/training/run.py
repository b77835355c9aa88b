"""Trains one run and publishes its record."""

import logging
from dataclasses import replace

import torch
from torch import nn

from senet_lab.data.batches import WHOLE, Share
from senet_lab.data.coco_data import CocoData, Source
from senet_lab.data.open import open_coco, open_source
from senet_lab.errors import StudyError
from senet_lab.models.complexity import complexity_of
from senet_lab.models.of_cell import build_cell
from senet_lab.models.registry import channels_last
from senet_lab.models.stochastic import is_stochastic
from senet_lab.records.curves import curve_csv
from senet_lab.records.files import remove_file, replace_file
from senet_lab.records.gate_health import gates_csv
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.precision import AveragePrecision
from senet_lab.records.publish import RunFiles, publish
from senet_lab.records.reading import read_bytes
from senet_lab.records.record import Provenance, Record, Status, TrainedPart
from senet_lab.records.store import Store
from senet_lab.study.cell import Run, canonical_json
from senet_lab.training import provenance, state_file
from senet_lab.training.checkpoint import Checkpoint, CheckpointError, misfit
from senet_lab.training.epoch import Diverged, Evaluation
from senet_lab.training.parts import changed, part_here, with_steps
from senet_lab.training.progress import Progress, Report
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.run_state import Hooks, Trained
from senet_lab.training.settings import Executor, Settings
from senet_lab.training.state_file import Kind, Saved
from senet_lab.training.stopping import SavePlan
from senet_lab.training.trunks import Trunk, trunk_of
from senet_lab.training.turns import TURNS

LOG = logging.getLogger("senet_lab")


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
) -> Record:
    """Trains one run, from its last checkpoint if there is one, and publishes its record and files. Returns the record.

    A run whose loss becomes infinite or NaN gets a record that says so. If another process has recorded the run in the
    meantime, its record stands and is returned. ranks: the processes that call this together; the first one writes.
    Raises Paused where the plan asks for the end, CheckpointError for a checkpoint that does not fit this run, and
    StudyError for a network that several processes cannot train together and for a trunk without its weights.
    """
    protocol, path = run.cell.protocol, store.path(run, "cache/checkpoints", ".safetensors")
    trunk = trunk_of(run, store, settings.trunks)
    with TURNS.alone():  # a user's own blocks draw their weights from the global random stream
        model = build_cell(run.cell, run.seed, trunk=trunk.state if trunk else None)
        channels_last(model).to(data.device)
    _refuse_random_parts(run, model, ranks)
    here = part_here(run.cell, data.device, settings, ranks)
    before = _checkpoint(run, store, model, ranks)
    steps_before = before.state.steps(protocol) if before else 0
    if ranks.first and before:
        _say_what_changed(run, before, here, steps_before, report)

    def parts(steps: int) -> tuple[TrainedPart, ...]:
        return with_steps(before.parts if before else (), here, steps - steps_before)

    def save(state: Checkpoint) -> None:
        replace_file(path, state_file.to_bytes(Kind.CHECKPOINT, run, Saved(state, parts(state.steps(protocol)))))

    hooks = Hooks(save, report, plan or SavePlan()) if ranks.first else Hooks(plan=plan or SavePlan())
    try:
        trained = _train(run, model, data, settings, before.state if before else None, hooks, ranks, store)
    except Diverged as error:
        files, where = RunFiles(), _provenance(here, parts(error.steps), data, error.seconds, trunk)
        record = _record(run, model, None, str(error), where)
    else:
        where = _provenance(here, parts(trained.state.steps(protocol)), data, trained.state.seconds, trunk)
        files, record = _files(run, trained, where.parts), _record(run, model, trained, None, where)
    if ranks.first:
        published = publish(store, record, files)
        record = published.record
        if not published.taken:
            _say_that_another_stands(run, report)
        remove_file(path)
    return ranks.told(record)


def _refuse_random_parts(run: Run, model: nn.Module, ranks: Ranks) -> None:
    if ranks.together and is_stochastic(model):
        raise StudyError(f"{run.cell.backbone} has random parts of its own: it trains in one process")


def _say_that_another_stands(run: Run, report: Report) -> None:
    note, protocol = "another worker recorded this run first; its record, curve and weights stand", run.cell.protocol
    LOG.warning("%s seed %d: %s", run.cell.key, run.seed, note)
    steps = protocol.epochs * protocol.steps_per_epoch
    report(Progress(protocol.epochs, protocol.epochs, steps, steps, note=note))


def _say_what_changed(run: Run, before: Saved, here: TrainedPart, steps: int, report: Report) -> None:
    changes = changed(before.parts[-1], here) if before.parts else []
    if changes:
        note, protocol = f"goes on under other circumstances: {'; '.join(changes)}", run.cell.protocol
        LOG.warning("%s seed %d %s", run.cell.key, run.seed, note)
        whole = protocol.epochs * protocol.steps_per_epoch
        report(Progress(len(before.state.curve), protocol.epochs, steps, whole, note=note))


def _checkpoint(run: Run, store: Store, model: nn.Module, ranks: Ranks) -> Saved | None:
    """The checkpoint that the run goes on from; None without one. The first process reads it for all.

    Raises CheckpointError for a checkpoint that does not fit the run.
    """
    path = store.path(run, "cache/checkpoints", ".safetensors")
    data = ranks.told(read_bytes(path) if ranks.first else None)
    if data is None:
        return None
    saved = state_file.from_bytes(data, path, Kind.CHECKPOINT, run)
    protocol = run.cell.protocol
    steps, counted = saved.state.steps(protocol), sum(part.steps for part in saved.parts)
    reason = misfit(saved.state, model, protocol)
    if not reason and steps != counted:
        reason = f"its curve is of {steps} steps, its parts are of {counted}"
    if reason:
        raise CheckpointError(f"{path} does not fit its run: {reason}; {state_file.MENDS[Kind.CHECKPOINT]}")
    return saved


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


def _files(run: Run, trained: Trained, parts: tuple[TrainedPart, ...]) -> RunFiles:
    weights = replace(trained.state, momentum={}, streams=())
    return RunFiles(
        curve=curve_csv(trained.state.curve),
        gates=gates_csv(trained.state.gates),
        weights=state_file.to_bytes(Kind.WEIGHTS, run, Saved(weights, parts)),
        boxes=None if trained.found is None else trained.found.to_bytes(),
    )


def _provenance(
    here: TrainedPart, parts: tuple[TrainedPart, ...], data: Source, seconds: float, trunk: Trunk | None
) -> Provenance:
    return Provenance(
        revision=here.revision,
        dirty=here.dirty,
        device=here.device,
        threads=here.threads,
        executor=here.executor,
        compiled=here.compiled,
        versions=here.versions,
        data_sha256=data.sha256 | ({"trunk": trunk.sha256} if trunk else {}),
        train_seconds=round(seconds, 1),
        finished_at=provenance.now(),
        skipped_photos=len(data.skipped),
        parts=parts,
    )


def _record(run: Run, model: nn.Module, trained: Trained | None, failure: str | None, where: Provenance) -> Record:
    counts, found = complexity_of(model, run.cell), trained.evaluation if trained else None
    hits = found.hits_N2.numpy() if isinstance(found, Evaluation) else None
    top1, top5 = (None if hits is None else ImageBits.of(hits[:, k]) for k in (0, 1))
    return Record(
        run=run,
        status=Status.FAILED if failure else Status.FINISHED,
        failure=failure,
        top1_error_pct=top1.error_pct if top1 else None,
        top5_error_pct=top5.error_pct if top5 else None,
        best_top1_error_pct=min((p.test_top1_error_pct for p in trained.curve), default=None) if trained else None,
        correct_top1=top1,
        correct_top5=top5,
        trainable=counts.trainable,
        multiply_adds=counts.multiply_adds,
        provenance=where,
        precision=found if isinstance(found, AveragePrecision) else None,
    )
