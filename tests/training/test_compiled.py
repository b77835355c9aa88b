"""Compiled training is what is written: the first step is compared, and what differs is refused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from senet_lab.errors import StudyError
from senet_lab.models.backbones.shake import FAMILY, ShakeNet
from senet_lab.models.initialise import initialise
from senet_lab.models.registry import build_model
from senet_lab.models.se_block import SEBlock
from senet_lab.models.sites import no_attention
from senet_lab.study import SESpec
from senet_lab.study.protocol import Precision
from senet_lab.training import compare_step, compiled, device_loop, lightning_loop
from senet_lab.training.compiled import compiled_network, compiled_step
from senet_lab.training.step import forward, training_loss
from tests.smallest import SMALLEST, cell
from tests.tensors import assert_same_tensors
from tests.tiny import AUGMENTED


class Liar(SEBlock):
    """Says that its gate is a function of the means, which its forward contradicts."""

    absorbable = True

    def forward(self, u_BCHW):
        return 2 * super().forward(u_BCHW)


class SlopedLiar(SEBlock):
    """The same of a gate that grows by a thousandth from left to right."""

    absorbable = True

    def gate(self, u_BCHW):
        return super().gate(u_BCHW) * torch.linspace(1, 1.001, u_BCHW.shape[-1], dtype=u_BCHW.dtype)


@pytest.fixture
def uncompiled(monkeypatch):
    """A compiler that leaves everything as it is."""
    monkeypatch.setattr(torch, "compile", lambda call, **_: call)


def network(seed=0):
    return build_model(SMALLEST, SESpec(reduction=4), 10, seed).train()


def images(size=16):
    return torch.randn(size, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def first_step(model, protocol=AUGMENTED):
    return forward(compiled_network(model), images(), protocol)


def lie(model, kind):
    model.stages[1][0].at_standard.__class__ = kind
    return model


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("kind", [Liar, SlopedLiar])
def test_a_block_that_is_not_what_it_declares_is_refused(uncompiled, kind, precision):
    """In one line that names a parameter and says what to do."""
    with pytest.raises(StudyError, match=r"loss|gradient of .*: mend the block, or remove its declaration") as error:
        first_step(lie(network(), kind), replace(AUGMENTED, precision=precision))

    assert "\n" not in str(error.value)


def test_a_class_that_was_changed_after_all_is_refused(uncompiled, monkeypatch):
    """The method that declares is still there; the forward is another."""
    scale = SEBlock.forward
    monkeypatch.setattr(SEBlock, "forward", lambda self, u: 1.01 * scale(self, u))

    with pytest.raises(StudyError, match="would not be what is written"):
        first_step(network())


@pytest.mark.parametrize("precision", Precision)
def test_a_compiler_that_computes_something_else_is_refused(monkeypatch, precision):
    """In both precisions, where the logits come out twice as large."""
    monkeypatch.setattr(torch, "compile", lambda call, **_: lambda *inputs: 2 * call(*inputs))

    with pytest.raises(StudyError, match=r"(loss|gradient) differs by .*compiler computes something else") as error:
        first_step(network(), replace(AUGMENTED, precision=precision))

    assert "@torch.compiler.disable" in str(error.value)
    assert "absorbable" not in str(error.value)


def test_a_part_that_hides_another_from_the_pass_is_refused(uncompiled):
    """A unit that calls its parts by a list of its own: their batches would be counted twice."""

    class Hiding(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.hidden = inner, [inner]

        def forward(self, x_BCHW):
            return self.hidden[0](x_BCHW)

    model = network()
    model.stages[0][0].transform[0] = Hiding(model.stages[0][0].transform[0])

    with pytest.raises(StudyError, match=r"num_batches_tracked differs by 99\.9 %; a block that declares itself"):
        first_step(model)


@pytest.mark.parametrize("precision", Precision)
def test_the_comparison_leaves_no_trace(uncompiled, monkeypatch, precision):
    """Weights, statistics, counters, gradients, random streams: bit for bit as without it, and it is made once."""
    layout = replace(FAMILY.layouts["cifar_shake26_2x96d"], depths=(1, 1, 1), widths=(8, 16, 32))
    protocol, made, results = replace(AUGMENTED, precision=precision), [], []
    compare = compare_step.refuse_another_step
    for comparison in (lambda *given: made.append(compare(*given)), lambda *_: None):
        monkeypatch.setattr("senet_lab.training.compiled.refuse_another_step", comparison)
        model = ShakeNet(layout, no_attention, 10).train()
        initialise(model, 0)
        torch.manual_seed(5)
        call = compiled_network(model)
        logits = [forward(call, images(4), protocol).detach() for _ in range(2)]
        assert all(parameter.grad is None for parameter in model.parameters())
        results.append([*logits, *model.state_dict().values(), model.stream.get_state(), torch.random.get_rng_state()])

    assert len(made) == 1
    for one, same in zip(*results, strict=True):
        assert torch.equal(one, same)


def test_evaluation_and_a_loss_without_number_are_not_compared(uncompiled, monkeypatch):
    """The first step in training is, wherever it comes; a network that gives no numbers is left to its run."""
    made = []
    monkeypatch.setattr("senet_lab.training.compiled.refuse_another_step", lambda *_: made.append(1))
    model = network()
    call = compiled_network(model)
    with torch.no_grad():
        call(images())
    model.eval()
    call(images())
    assert made == []
    model.train()
    call(images())
    assert made == [1]

    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    assert first_step(model).isnan().all()


def test_a_step_is_compared_like_a_network(uncompiled):
    """``compiled_step`` is given the fused network or the one as written; its loss is the first of what it gives."""
    labels = torch.arange(16) % 10

    def step(network, x):
        return training_loss(network, x, labels, AUGMENTED)

    loss, _ = compiled_step(step, network())(images())

    assert torch.isclose(loss, step(network(), images())[0], rtol=1e-5)
    with pytest.raises(StudyError, match="would not be what is written"):
        compiled_step(step, lie(network(), Liar))(images())


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("precision", Precision)
def test_rounding_is_allowed_for_by_the_precision_of_the_forward_pass(uncompiled, monkeypatch, precision, whole):
    """Wherever autocast begins: around the network, or within a compiled step."""
    given = []
    monkeypatch.setattr(compare_step, "_compare_loosely", lambda expected, found, limits, mend: given.append(limits))
    protocol = replace(AUGMENTED, precision=precision)
    if whole:
        compiled_step(lambda net, x: training_loss(net, x, torch.arange(16) % 10, protocol), network())(images())
    else:
        first_step(network(), protocol)

    assert given == [compare_step.COARSE if precision is Precision.BF16 else compare_step.FINE]


@pytest.mark.parametrize("executor", ["device", "lightning"])
def test_both_executors_refuse_a_changed_step(uncompiled, executor, source):
    """Before the first step is taken: the weights are as they were."""
    model = lie(network(), Liar)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train, what = (device_loop.train, AUGMENTED) if executor == "device" else (lightning_loop.train, cell())

    with pytest.raises(StudyError, match="would not be what is written"):
        train(model, source, what, 0, compiled=True)
    assert_same_tensors(before, model.state_dict())


@pytest.mark.parametrize(("kind", "chosen"), [("cuda", True), ("cpu", False)])
def test_the_compiler_measures_nothing_on_cuda_and_is_left_alone_on_a_cpu(uncompiled, monkeypatch, kind, chosen):
    """From the first call on, since a model may be moved before it. The names of a CPU's compiled code hold every
    setting: they stay."""
    with torch._inductor.config.patch(deterministic=False):
        network_of = compiled_network(model := network())
        before = torch._inductor.config.save_config_portable()
        monkeypatch.setattr(compiled, "device_of", lambda module: torch.device(kind))
        forward(network_of, images(), AUGMENTED)

        assert torch._inductor.config.deterministic == chosen
        assert (torch._inductor.config.save_config_portable() == before) == (not chosen)
        assert model.training


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside torch.compile
def test_the_code_for_a_size_does_not_depend_on_the_sizes_before_it(monkeypatch):
    """A run whose crops grow goes on with the code that it would have had without an interruption."""
    sizes, compile_ = [], torch.compile

    def noting(graph, inputs):
        shapes = [one.shape for one in inputs if isinstance(one, torch.Tensor)]
        assert all(type(side) is int for shape in shapes for side in shape)
        sizes.extend(shape[0] for shape in shapes if shape[1:] == (3, 32, 32))
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda call, **named: compile_(call, **{**named, "backend": noting}))
    model = network().eval()
    called = compiled_network(model)
    with torch.no_grad():
        for batch in (4, 3, 6, 4):
            called(images(batch))

    assert sizes == [4, 3, 6]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside torch.compile
def test_a_machine_without_a_compiler_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # nothing is compiled there yet
    without = torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)})  # monkeypatch would hide it ever after
    with without, pytest.raises(StudyError, match=r"a C\+\+ compiler \(Debian: apt install g\+\+"):
        first_step(network())


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("fatal error: Python.h: No such file or directory", "Python's headers"),
        ("fatal error: 'Python.h' file not found", "Python's headers"),
        ("Failed to find C compiler.", "gcc"),
    ],
)
def test_other_missing_tools_are_named_too(monkeypatch, said, tool):
    def fail(*_):
        raise RuntimeError(said)

    monkeypatch.setattr(torch, "compile", lambda call, **_: fail)
    with pytest.raises(StudyError, match=tool):
        first_step(network())


def test_other_errors_of_the_compiler_are_left_as_they_are(monkeypatch):
    def fail(*_):
        raise RuntimeError("In file included from /usr/include/python3.12/Python.h:1: an error of its own")

    monkeypatch.setattr(torch, "compile", lambda call, **_: fail)
    with pytest.raises(RuntimeError, match="an error of its own") as caught:
        first_step(network())
    assert not isinstance(caught.value, StudyError)
