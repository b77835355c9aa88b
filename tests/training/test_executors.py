"""The two executors give the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ablations.protocols import DEMO
from senet_lab.data.open import open_source
from senet_lab.stats.difference import difference_of
from senet_lab.study.protocol import Precision
from senet_lab.training import device_loop
from senet_lab.training.epoch import Diverged, EpochMeter
from senet_lab.training.run_state import Hooks, keep_nothing
from senet_lab.training.static_epoch import StaticEpoch
from tests import smallest
from tests.tiny import AUGMENTED, cell
from tests.training.executors import EXECUTORS, train, without_time


def _train(executor, source, of, seed=0, resume=None, save=keep_nothing):
    model, trained = train(executor, source, of, seed, resume, Hooks(save=save))
    return model, trained.curve, trained.evaluation


@pytest.fixture
def losses(monkeypatch):
    """The loss of every step that is trained."""
    seen: list[float] = []
    add = EpochMeter.add

    def listen(self, loss, wrong, images):
        seen.append(float(loss.detach()))
        add(self, loss, wrong, images)

    monkeypatch.setattr(EpochMeter, "add", listen)
    return seen


def _agree(device, losses, cell=cell):
    """Both executors one after the other on a device: 50 losses to 1e-5 relative, final weights to 1e-4."""
    protocol = replace(AUGMENTED, train_images=100, batch_size=4, epochs=2)
    source = open_source(protocol, torch.device(device))
    weights = [_train(executor, source, cell(protocol))[0].state_dict() for executor in EXECUTORS]

    assert len(losses) == 100
    assert losses[:50] == pytest.approx(losses[50:], rel=1e-5)
    for name, weight in weights[0].items():
        # Lightning leaves its module on the CPU.
        assert torch.allclose(weight.cpu(), weights[1][name].cpu(), atol=1e-4), name


def test_both_executors_have_the_same_loss_at_every_one_of_50_steps(losses):
    """fp32 on the CPU."""
    _agree("cpu", losses, smallest.cell)


@pytest.mark.slow
def test_both_executors_have_the_same_errors_in_bf16():
    """Three seeds of each: the paired difference is within its 95 % interval, whatever the order of sums does."""
    protocol = replace(AUGMENTED, train_images=200, test_images=200, batch_size=20, epochs=3, precision=Precision.BF16)
    source = open_source(protocol, torch.device("cpu"))
    wrong = {
        name: np.stack([~_train(name, source, cell(protocol), seed)[2].hits_N2[:, 0].numpy() for seed in range(3)])
        for name in EXECUTORS
    }
    difference = difference_of(wrong["device"].astype(np.uint8), wrong["lightning"].astype(np.uint8))

    assert abs(difference.value) <= difference.half_width


def test_equal_seeds_see_equal_batches_in_every_row(source):
    """Batches depend on seed and epoch alone; another seed or epoch has others."""
    first, again, other_seed, other_epoch = (
        torch.cat([images for images, _ in source.training_batches(*which)])
        for which in ((0, 1), (0, 1), (1, 1), (0, 2))
    )

    assert torch.equal(first, again)
    assert not torch.equal(first, other_seed)
    assert not torch.equal(first, other_epoch)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_loss_that_is_no_number_ends_the_run(executor, source):
    """A learning rate of 1e30 diverges, and is said to."""
    wild = replace(AUGMENTED, schedule=replace(AUGMENTED.schedule, peak_lr=1e30, warmup_steps=0))

    with pytest.raises(Diverged, match="in epoch 1"):
        _train(executor, source, smallest.cell(wild))


def test_the_global_stream_plays_no_part(source):
    """Another global seed changes nothing."""
    torch.manual_seed(1)
    _, curve, _ = _train("device", source, smallest.cell())
    torch.manual_seed(2)
    _, again, _ = _train("device", source, smallest.cell())

    assert without_time(curve) == without_time(again)


@pytest.mark.slow
def test_bf16_and_fp32_end_alike_on_the_demo():
    """The mean final errors of three seeds differ by less than three standard errors, or by less than three points."""
    finals = {}
    for precision in Precision:
        protocol = replace(DEMO, precision=precision)
        source = open_source(protocol, torch.device("cpu"))
        errors = [_train("device", source, cell(protocol), seed)[2].error_pct(0) for seed in range(3)]
        finals[precision] = torch.tensor(errors)
    fp32, bf16 = finals[Precision.FP32], finals[Precision.BF16]
    standard_error = float(((fp32.var() + bf16.var()) / 3).sqrt())

    assert abs(float(fp32.mean() - bf16.mean())) < 3 * max(standard_error, 1.0)


@pytest.fixture
def graph_losses(losses, monkeypatch):
    """The same where steps are replays of a graph: what each adds to the sum of the epoch."""
    captured = StaticEpoch.captured

    def listening(self):
        replay = captured(self)

        def step():
            before = float(self.sums()[0].double())
            replay()
            losses.append(float(self.sums()[0].double()) - before)

        return step

    monkeypatch.setattr(StaticEpoch, "captured", listening)
    return losses


@pytest.mark.slow
def test_both_executors_agree_where_steps_are_replayed(monkeypatch, request):
    """The comparison on CUDA, made on the CPU with the step itself for a graph of it."""
    monkeypatch.setattr(device_loop, "captures", lambda data, model: True)
    monkeypatch.setattr(StaticEpoch, "captured", lambda self: self.step)
    _agree("cpu", request.getfixturevalue("graph_losses"), smallest.cell)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_both_executors_agree_on_a_gpu(graph_losses, monkeypatch):
    """The same comparison on CUDA, where the device loop replays a graph, in fp32 without TF32."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    _agree("cuda", graph_losses)
