"""Steps without arguments: the numbers of the plain loop, wherever they run, and a capture that leaves no trace."""

import pickle
import sys
from dataclasses import replace

import pytest
import torch

from senet_lab.data.open import open_source
from senet_lab.models.registry import build_model, channels_last
from senet_lab.study import SESpec
from senet_lab.study.protocol import Precision
from senet_lab.training import device_loop
from senet_lab.training.run_state import Hooks
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer, set_learning_rate, training_loss
from senet_lab.training.stopping import Paused, SavePlan, StopSign
from tests.smallest import SMALLEST
from tests.tensors import assert_same_tensors
from tests.tiny import AUGMENTED, BACKBONE

PROTOCOL = replace(AUGMENTED, train_images=100, batch_size=4, epochs=2, cutout=8)
RATES = [0.01 * (1 + step % 5) for step in range(PROTOCOL.steps_per_epoch)]
SHORT = replace(PROTOCOL, train_images=24)
FEW = RATES[: SHORT.steps_per_epoch]
ON_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def network(protocol, device="cpu", seed=0):
    name = SMALLEST if device == "cpu" else BACKBONE
    model = channels_last(build_model(name, SESpec(), protocol.num_classes, seed)).to(device)
    return model.train(), make_optimizer(model, protocol)


def plain(protocol, device="cpu", epochs=2):
    """Every loss and the final weights of the loop written out."""
    source, losses = open_source(protocol, torch.device(device)), []
    model, optimizer = network(protocol, device)
    for epoch in range(epochs):
        for (images, labels), rate in zip(source.training_batches(3, epoch), RATES, strict=True):
            set_learning_rate(optimizer, rate)
            loss, _ = training_loss(model, images, labels, protocol)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    return losses, model.state_dict()


def static(protocol, device="cpu", epochs=2, captured=False):
    """The same of the static steps, as they are or as a graph."""
    losses = []
    model, optimizer = network(protocol, device)
    steps = StaticEpoch(model, optimizer, open_source(protocol, torch.device(device)))
    step = steps.captured() if captured else steps.step
    for epoch in range(epochs):
        steps.begin(3, epoch, RATES)
        before = 0.0
        for _ in RATES:
            step()
            after = float(steps.sums()[0].double())
            losses.append(after - before)
            before = after
    return losses, model.state_dict()


@pytest.mark.parametrize("padding", [pytest.param(0, marks=pytest.mark.slow), 4])
def test_static_steps_are_the_plain_loops(padding):
    """50 steps with crop, flip, a hole and changing rates on the CPU: the same weights, bit for bit."""
    protocol = replace(PROTOCOL, crop="pad-crop" if padding else "none", crop_padding=padding)
    (losses, weights), (expected_losses, expected) = static(protocol), plain(protocol)

    assert expected_losses == pytest.approx(losses, abs=1e-4)  # differences of an fp32 sum
    assert_same_tensors(expected, weights)


def test_an_epoch_begins_anew():
    """The sums are those of the epoch, and the second epoch has other batches than the first."""
    model, optimizer = network(SHORT)
    steps = StaticEpoch(model, optimizer, open_source(SHORT, torch.device("cpu")))
    orders = []
    for epoch in (0, 1):
        steps.begin(3, epoch, FEW)
        orders.append(steps._draws.order_N.clone())
        assert [float(total) for total in steps.sums()] == [0.0, 0.0]
        for _ in FEW:
            steps.step()
        assert float(steps.sums()[0]) > 0

    assert not torch.equal(*orders)


@pytest.mark.parametrize("steps_before", [0, 3])
def test_steps_before_a_capture_leave_no_trace(steps_before):
    """Weights, statistics, momentum and sums are as they were; a buffer that is new is zero, as good as none."""
    (model, optimizer), (other, other_optimizer) = network(SHORT), network(SHORT)
    source = open_source(SHORT, torch.device("cpu"))
    tried, untouched = (StaticEpoch(m, o, source) for m, o in ((model, optimizer), (other, other_optimizer)))
    for steps in (tried, untouched):
        steps.begin(3, 0, FEW)
        for _ in range(steps_before):
            steps.step()
    with tried._put_back():
        tried.step()
        tried.step()
    tried.begin(3, 1, FEW)
    untouched.begin(3, 1, FEW)
    for _ in FEW:
        tried.step()
        untouched.step()

    assert_same_tensors(other.state_dict(), model.state_dict())


def test_an_error_within_the_first_step_is_told_as_it_is(monkeypatch):
    """The optimiser has its entries by then, without buffers. Weights and sums are put back all the same."""
    model, optimizer = network(SHORT)
    steps = StaticEpoch(model, optimizer, open_source(SHORT, torch.device("cpu")))
    steps.begin(3, 0, FEW)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def sgd(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sys.modules[torch.optim.SGD.__module__], "sgd", sgd)
    with pytest.raises(torch.OutOfMemoryError), steps._put_back():
        steps._warm_up()

    assert len(optimizer.state) > 0
    assert_same_tensors(before, model.state_dict())


def test_warming_up_needs_no_more_than_one_batch():
    """An epoch of a single step: nothing is read past its end, and the counter is back at zero."""
    protocol = replace(PROTOCOL, train_images=5)
    steps = StaticEpoch(*network(protocol), open_source(protocol, torch.device("cpu")))
    steps.begin(3, 0, RATES[:1])
    steps._warm_up()

    assert protocol.steps_per_epoch == 1
    assert int(steps._step) == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # raised inside torch.compile
@pytest.mark.filterwarnings("ignore:.*should not be instantiated.*:DeprecationWarning")  # and so is this
def test_batch_and_step_compile_as_one_graph_that_runs_share(monkeypatch):
    """From the draws to the loss without a break; a second run of the cell has other weights and compiles nothing."""
    compiled = []

    def backend(graph, inputs):
        compiled.append(len(inputs))
        return graph.forward

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda step, **_: compile_(step, backend=backend, fullgraph=True))
    source = open_source(PROTOCOL, torch.device("cpu"))
    losses = {}
    for whole in (False, True):
        for seed in (0, 1):
            protocol = pickle.loads(pickle.dumps(PROTOCOL))  # as it comes to a worker: equal, and another object
            steps = StaticEpoch(*network(protocol, seed=seed), source, compiled=whole)
            steps.begin(3, 0, RATES)
            for _ in range(3):
                steps.step()
            losses[whole, seed] = float(steps.sums()[0])

    assert len(compiled) == 1
    assert losses[False, 0] != losses[False, 1]
    for seed in (0, 1):
        assert losses[False, seed] == pytest.approx(losses[True, seed], rel=1e-5)


@pytest.fixture
def captured_on_the_cpu(monkeypatch):
    """The device loop takes the way of a GPU, where a graph's replay is the step itself."""
    monkeypatch.setattr(device_loop, "captures", lambda data, model: True)
    monkeypatch.setattr(StaticEpoch, "captured", lambda self: self.step)


def test_the_loop_of_a_gpu_has_the_plain_loops_curve(monkeypatch, request):
    """On the CPU bit for bit but for the fp32 sums of the training loss: errors, test losses, weights."""
    plain = _train(SHORT, "cpu")
    request.getfixturevalue("captured_on_the_cpu")
    replayed = _train(SHORT, "cpu")

    for point, same in zip(plain.curve, replayed.curve, strict=True):
        assert replace(point, seconds=0.0, train_loss=0.0) == replace(same, seconds=0.0, train_loss=0.0)
        assert point.train_loss == pytest.approx(same.train_loss, rel=1e-5)
    assert torch.equal(plain.evaluation.hits_N2, replayed.evaluation.hits_N2)
    assert_same_tensors(plain.state.model, replayed.state.model)


@pytest.fixture
def exact_cuda():
    """fp32 without TF32, and algorithms of convolution that sum in one order."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    yield
    torch.backends.cudnn.deterministic = False


@pytest.mark.gpu
@ON_CUDA
@pytest.mark.parametrize("captured", [False, True])
def test_static_steps_on_cuda_are_the_plain_loops(captured, exact_cuda):
    """fp32: 50 losses to 1e-5 relative and the final weights to 1e-4, as steps and as a replayed graph."""
    (losses, weights), (expected_losses, expected) = (
        static(PROTOCOL, "cuda", captured=captured),
        plain(PROTOCOL, "cuda"),
    )

    assert expected_losses == pytest.approx(losses, rel=1e-5)
    for name, tensor in expected.items():
        assert torch.allclose(tensor.float(), weights[name].float(), atol=1e-4), name


def _train(protocol, device, resume=None, hooks=None, compiled=False):
    model, _ = network(protocol, device)
    source = open_source(protocol, torch.device(device))
    return device_loop.train(model, source, protocol, 3, resume=resume, hooks=hooks, compiled=compiled)


@pytest.mark.gpu
@ON_CUDA
@pytest.mark.parametrize("step", [5, 25, 60])
def test_a_captured_run_that_is_cut_off_ends_as_if_it_had_not_been(step, exact_cuda):
    """The graph is captured anew after a resume, also in the middle of an epoch; the last epochs are the same."""
    protocol, stop, states = replace(PROTOCOL, epochs=4), StopSign(), []

    def keep(state):
        states.append(replace(state, model={n: t.clone() for n, t in state.model.items()}))
        states[-1] = replace(states[-1], momentum={n: t.clone() for n, t in state.momentum.items()})

    hooks = Hooks(keep, lambda progress: stop.ask("a test") if progress.step == step else None, SavePlan(stop))
    whole = _train(protocol, "cuda")
    with pytest.raises(Paused):
        _train(protocol, "cuda", hooks=hooks)
    resumed = _train(protocol, "cuda", resume=states[-1])

    assert states[-1].steps(protocol) >= step
    assert [p.train_loss for p in whole.curve] == pytest.approx([p.train_loss for p in resumed.curve], rel=1e-4)


@pytest.mark.gpu
@ON_CUDA
@pytest.mark.filterwarnings("ignore")  # of the compiler, about this machine: TF32 is off on purpose
def test_a_captured_and_compiled_run_in_bf16_learns():
    """The loss falls, and the curve has every epoch."""
    protocol = replace(PROTOCOL, epochs=6, precision=Precision.BF16, cutout=0)
    trained = _train(protocol, "cuda", compiled=True)

    assert [point.epoch for point in trained.curve] == [1, 2, 3, 4, 5, 6]
    assert trained.curve[-1].train_loss < trained.curve[0].train_loss
    assert len(trained.evaluation.hits_N2) == protocol.test_images
