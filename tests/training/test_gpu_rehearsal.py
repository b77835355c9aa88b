"""What a GPU would refuse, rehearsed without one: tensors that claim to be on it, streams and marks that count."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from senet_lab.data.open import open_arrays, open_source
from senet_lab.data.resident import ResidentData
from senet_lab.models.registry import build_model, channels_last
from senet_lab.records.store import Store
from senet_lab.training import run as run_module
from senet_lab.training.epoch import EpochMeter
from senet_lab.training.progress import silent
from senet_lab.training.replays import MARKED, Replays
from senet_lab.training.settings import Settings
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer
from senet_lab.training.turns import TURNS
from tests.smallest import cell, run
from tests.tiny import AUGMENTED

PROTOCOL = replace(AUGMENTED, train_images=400, batch_size=4, epochs=1, cutout=8)  # 100 steps
RATES = [0.01] * PROTOCOL.steps_per_epoch
CUDA = torch.device("cuda:0")


def network():
    """A network of the protocol in training."""
    of = cell(PROTOCOL)
    return channels_last(build_model(of.backbone, of.se, PROTOCOL.num_classes, 0)).train()


class Crossings(TorchDispatchMode):
    """Notes every operation within it that takes or makes a tensor on the host."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        updates = function._schema.name == "aten::_fused_sgd_"  # which has no rule for tensors without values
        result = None if updates else function(*args, **kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
        if any(tensor.device.type != "cuda" for tensor in tensors):
            self.found.append(str(function))
        return result


def test_nothing_passes_between_host_and_device_within_a_step(monkeypatch):
    """From the crop to the update: a copy from the host cannot be captured, a value that is read back ends the capture.

    Tensors have no values here, and gradients are made up: the way back is not rehearsed.
    """
    arrays, model = open_arrays(PROTOCOL), network()

    def made_up(loss):
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter)

    monkeypatch.setattr(torch.Tensor, "backward", made_up)
    with FakeTensorMode(allow_non_fake_inputs=True):
        for module in model.modules():
            for name, tensor in list(module._parameters.items()):
                if tensor is not None:
                    module._parameters[name] = torch.nn.Parameter(torch.empty_like(tensor, device=CUDA))
            for name, tensor in list(module._buffers.items()):
                if tensor is not None:
                    module._buffers[name] = torch.empty_like(tensor, device=CUDA)
        steps = StaticEpoch(model, make_optimizer(model, PROTOCOL), ResidentData(arrays, PROTOCOL, CUDA))
        steps.begin(0, 0, RATES)
        with Crossings():
            steps.step()  # makes the momentum, as warming up does
        with Crossings() as crossings:
            steps.step()

    assert crossings.found == []


class Streams:
    """Stands for torch.cuda's streams and graphs; a stream that is made anew is counted."""

    def __init__(self, monkeypatch, current):
        self.made, self.captured, self.stack = 0, [], [current]
        for name in ("current_stream", "default_stream", "stream", "graph", "CUDAGraph", "Stream"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))

    class Own:
        """A stream."""

        def wait_stream(self, other):
            pass

    class Entered:
        """Within it, a stream is the current one."""

        def __init__(self, streams, stream):
            self.streams, self.stream = streams, stream

        def __enter__(self):
            self.streams.stack.append(self.stream)

        def __exit__(self, *_):
            self.streams.stack.pop()

    class CUDAGraph:
        """A graph."""

        replay = reset = lambda self: None

    default = Own()

    def default_stream(self, device):
        return self.default

    def current_stream(self, device):
        return self.stack[-1]

    def Stream(self, device):
        self.made += 1
        return self.Own()

    def stream(self, stream):
        return self.Entered(self, stream)

    def graph(self, graph, stream, capture_error_mode):
        assert (stream, "thread_local") == (self.stack[-1], capture_error_mode)
        self.captured.append(stream)
        return self.Entered(self, stream)


def test_a_thread_captures_every_run_on_its_own_stream(monkeypatch):
    """PyTorch has 32 streams and hands them out in turn: a new one a run would soon be a neighbour's."""
    own = Streams.Own()
    streams, source = Streams(monkeypatch, own), open_source(PROTOCOL, torch.device("cpu"))
    model = network()
    for _ in range(2):
        steps = StaticEpoch(model, make_optimizer(model, PROTOCOL), source)
        steps.begin(0, 0, RATES)
        steps.captured()

    assert (streams.made, streams.captured) == (0, [own, own])


def test_who_works_on_the_default_stream_captures_on_another(monkeypatch):
    """The default stream cannot be captured."""
    streams = Streams(monkeypatch, Streams.default)
    model = network()
    steps = StaticEpoch(model, make_optimizer(model, PROTOCOL), open_source(PROTOCOL, torch.device("cpu")))
    steps.begin(0, 0, RATES)
    steps.captured()

    assert (streams.made, [stream is Streams.default for stream in streams.captured]) == (1, [False])


class Counted:
    """Stands for the steps of a run: counts what was queued, and what is known to be done."""

    protocol = PROTOCOL

    def __init__(self):
        self.queued = self.done = 0
        self.ahead = []

    def captured(self):
        return self.replay

    def begin(self, seed, epoch, rates, first):
        pass

    def sums(self):
        return torch.zeros(()), torch.zeros((), dtype=torch.int64)

    def replay(self):
        self.queued += 1
        self.ahead.append(self.queued - self.done)

    def mark(self):
        return Passing(self, self.queued)

    def release(self):
        pass


class Passing:
    """A mark after so many replays."""

    def __init__(self, counted, at):
        self.counted, self.at = counted, at

    def wait(self):
        self.counted.done = max(self.counted.done, self.at)


def test_the_host_is_never_far_ahead_of_the_device():
    """At most two marks over two epochs, and it waits for nothing that was queued just now."""
    counted = Counted()
    replays = Replays(counted)
    for epoch in range(2):
        assert list(replays(0, epoch, RATES, EpochMeter(torch.device("cpu")))) == list(range(100))
    replays.close()

    assert counted.queued == 200
    assert MARKED < max(counted.ahead) <= 2 * MARKED


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside torch.compile
def test_a_run_that_ends_leaves_nothing_for_the_collector(monkeypatch, compiled):
    """Its tensors, and a graph's memory with them, are free at once and not when the collector comes."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda step, **_: compile_(step, backend="eager"))
    monkeypatch.setattr(StaticEpoch, "captured", lambda self: self.step)
    model = network()
    gc.collect()
    gc.disable()
    try:
        replays = Replays(
            StaticEpoch(model, make_optimizer(model, PROTOCOL), open_source(PROTOCOL, torch.device("cpu")), compiled)
        )
        left = weakref.ref(replays.static)
        assert next(replays(0, 0, RATES, EpochMeter(torch.device("cpu")))) == 0
        replays.close()
        del replays
        assert left() is None
    finally:
        gc.enable()


def test_a_network_is_built_while_no_other_thread_draws(monkeypatch, tmp_path):
    """Blocks of one's own take their first weights from the global stream, which threads share."""
    of, source = run(0, PROTOCOL), open_source(PROTOCOL, torch.device("cpu"))

    alone = []

    class Built(Exception):
        pass

    def build(*_, **__):
        alone.append(TURNS._alone)
        raise Built

    monkeypatch.setattr(run_module, "build_cell", build)
    with pytest.raises(Built):
        run_module.make(of, source, Store(tmp_path), Settings(), silent)

    assert (alone, TURNS._alone) == ([True], False)
