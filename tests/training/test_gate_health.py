"""Gates are measured in the evaluation that every epoch ends with, and nothing else changes."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from senet_lab.models.registry import build_model, se_blocks
from senet_lab.records.files import replace_file
from senet_lab.records.gate_health import GateHealth, constant_blocks, gates_csv, gates_path, newly_constant
from senet_lab.records.store import Store
from senet_lab.training.epoch import evaluate_all
from senet_lab.training.gate_health import GateMeter, warn
from senet_lab.training.progress import silent
from senet_lab.training.run import make
from senet_lab.training.settings import Settings
from tests.samples import finished
from tests.smallest import SMALLEST, cell, run
from tests.tiny import AUGMENTED
from tests.training.executors import EXECUTORS, train

CONSTANT = GateHealth(epoch=1, block="SE_4_1", mean=0.5, spread=0.0, share_low=0.0, share_high=0.0)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gates_are_measured_after_every_epoch(executor, source):
    """Three blocks an epoch, each with a mean between the ends of a sigmoid."""
    _, trained = train(executor, source, cell())
    gates = trained.state.gates

    assert [(e, b) for e in (1, 2, 3) for b in ("SE_2_1", "SE_3_1", "SE_4_1")] == [(g.epoch, g.block) for g in gates]
    assert all(0 < one.mean < 1 for one in gates)


def test_the_numbers_are_those_of_the_gates(source):
    """Mean, spread and shares of one block equal numpy's over all images at once, and the evaluation is untouched."""
    model = build_model(SMALLEST, cell().se, 10).eval()
    block, seen = se_blocks(model)["SE_3_1"], []
    hook = block.register_forward_pre_hook(lambda m, x: seen.append(type(block).gate(block, x[0]).detach().flatten(1)))
    found = evaluate_all(model, source.test_batches(), AUGMENTED).gates[1]
    hook.remove()
    s = torch.cat(seen).double().numpy()

    assert found.mean == pytest.approx(s.mean(), abs=2e-6)
    assert found.spread == pytest.approx(s.std(axis=0).mean(), abs=2e-6)
    assert found.share_low == pytest.approx(np.mean(s < 0.05), abs=2e-6)
    assert found.share_high == pytest.approx(np.mean(s >= 0.95), abs=2e-6)


def test_moments_do_not_depend_on_the_batches():
    """Chan's formula: one batch or five give the same health."""
    model = build_model(SMALLEST, cell().se, 10).eval()
    x = torch.randn(10, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = []
    for size in (10, 2):
        meter = GateMeter(model)
        with torch.no_grad(), meter.listening():
            for part in x.split(size):
                model(part)
        found.append(meter.health())

    assert found[0] == found[1]


def test_a_run_writes_its_gates_beside_its_curve(source, tmp_path):
    """A line an epoch and block, with a column for warnings; a plain network has no such file."""
    store = Store(tmp_path)
    plain = replace(run(), cell=replace(cell(), se=None))
    for one in (run(), plain):
        make(one, source, store, Settings(), silent)
    lines = gates_path(run(), store).read_text().splitlines()

    assert gates_path(run(), store).with_name("seed-0.csv").exists()
    assert lines[0] == "epoch,block,mean,spread,share_low,share_high,warning"
    assert len(lines) == 1 + 3 * 3
    assert not gates_path(plain, store).exists()


@pytest.fixture
def said():
    """The warnings that the package logs during a test."""
    texts, handler = [], logging.Handler(logging.WARNING)
    handler.emit = lambda record: texts.append(record.getMessage())
    logger = logging.getLogger("senet_lab")
    logger.addHandler(handler)
    yield texts
    logger.removeHandler(handler)


def test_a_constant_block_is_said_once_and_stays_in_the_file(tmp_path, said):
    """The log names it when it becomes constant; the report finds it after the last epoch."""
    later = replace(CONSTANT, epoch=2)
    warn([CONSTANT], [])
    warn([later], [CONSTANT])
    store = Store(tmp_path)
    gates = [CONSTANT, replace(later, block="SE_2_1", spread=0.2), later]
    replace_file(gates_path(run(), store), gates_csv(gates))

    assert said == ["epoch 1: the gates of SE_4_1 are constant over the images (spread 0)"]
    assert newly_constant([later], [CONSTANT]) == []
    assert constant_blocks(finished(cell()), store) == ["SE_4_1"]
    assert constant_blocks(finished(cell(), seed=1), store) == []
