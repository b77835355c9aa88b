"""One run to its record."""

from dataclasses import replace
from pathlib import Path

import torch

from senet_lab.data.batches import BatchSource
from senet_lab.data.open import open_source
from senet_lab.models.complexity import complexity
from senet_lab.models.registry import build_model, channels_last
from senet_lab.records.curves import curve_csv
from senet_lab.records.gate_health import gates_csv
from senet_lab.records.image_bits import ImageBits
from senet_lab.records.publish import RunFiles, publish
from senet_lab.records.record import Provenance, Record, Status
from senet_lab.records.store import Store
from senet_lab.study.cell import Run, canonical_json
from senet_lab.training import checkpoint as checkpoints
from senet_lab.training import provenance
from senet_lab.training.epoch import Diverged, Evaluation
from senet_lab.training.progress import Report
from senet_lab.training.settings import Executor, Settings


def open_data(run: Run, settings: Settings, opened: dict[str, BatchSource]) -> BatchSource:
    """The data of a run's protocol, opened once for all runs that share it. Raises StudyError as ``open_source``."""
    name = canonical_json(run.cell.protocol)
    if name not in opened:
        opened[name] = open_source(
            run.cell.protocol, torch.device(settings.device), folder=settings.photos, skip_damaged=settings.skip_damaged
        )
    return opened[name]


def make(run: Run, data: BatchSource, store: Store, settings: Settings, report: Report) -> Record:
    """Trains one run, from its last checkpoint where there is one, and publishes its record with its files.

    A run whose loss is no longer finite becomes a record that says so. Where another process recorded the run
    meanwhile, that record stands and is returned.
    """
    protocol = run.cell.protocol
    path = store.path(run, "cache/checkpoints", ".safetensors")
    model = build_model(run.cell.backbone, run.cell.se, protocol.num_classes, run.seed)
    channels_last(model).to(data.device)
    resume = checkpoints.read(path)
    if resume is not None and not checkpoints.fits(resume, model):
        resume = None
    failure, evaluation = None, None
    try:
        curve, evaluation = _train(run, model, data, settings, resume, path, report)
    except Diverged as error:
        failure = str(error)
    done = checkpoints.read(path)
    files = RunFiles()
    if evaluation is not None:
        files = RunFiles(
            curve=curve_csv(curve),
            gates=gates_csv(done.gates if done else ()),
            weights=checkpoints.file_bytes(replace(done, momentum={})) if done else None,
        )
    published = publish(store, _record(run, evaluation, failure, data, settings, done), files)
    path.unlink(missing_ok=True)
    return published.record


def _train(run, model, data, settings, resume, path: Path, report):  # type: ignore[no-untyped-def]
    options = {
        "resume": resume,
        "save": lambda state: checkpoints.write(path, state),
        "report": report,
        "compiled": settings.compiles(run.cell),
    }
    if settings.executor_for(run.cell) is Executor.LIGHTNING:
        from senet_lab.training import lightning_module

        return lightning_module.train(model, data, run.cell, run.seed, **options)
    from senet_lab.training import device_loop

    return device_loop.train(model, data, run.cell.protocol, run.seed, **options)


def _record(
    run: Run,
    evaluation: Evaluation | None,
    failure: str | None,
    data: BatchSource,
    settings: Settings,
    done: checkpoints.Checkpoint | None,
) -> Record:
    counts = complexity(
        build_model(run.cell.backbone, run.cell.se, run.cell.protocol.num_classes, device="meta"),
        run.cell.protocol.image_size,
    )
    revision, dirty = provenance.revision()
    hits = None if evaluation is None else evaluation.hits_N2.numpy()
    return Record(
        run=run,
        status=Status.FAILED if failure else Status.FINISHED,
        failure=failure,
        top1_error_pct=evaluation.error_pct(0) if evaluation else None,
        top5_error_pct=evaluation.error_pct(1) if evaluation else None,
        best_top1_error_pct=min(p.test_top1_error_pct for p in done.curve) if evaluation and done else None,
        correct_top1=None if hits is None else ImageBits.of(hits[:, 0]),
        correct_top5=None if hits is None else ImageBits.of(hits[:, 1]),
        trainable=counts.trainable,
        multiply_adds=counts.multiply_adds,
        provenance=Provenance(
            revision=revision,
            dirty=dirty,
            device=provenance.device_name(data.device),
            threads=torch.get_num_threads(),
            executor=settings.executor_for(run.cell).value,
            compiled=settings.compiles(run.cell),
            versions=provenance.versions(),
            data_sha256=data.sha256,
            skipped_photos=len(data.skipped),
            train_seconds=round(done.seconds if done else 0.0, 1),
            finished_at=provenance.now(),
        ),
    )
