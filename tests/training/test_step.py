"""Loss, hits, parameter groups, compiling."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from senet_lab.models.registry import build_model
from senet_lab.training.compiled import compiled_network
from senet_lab.training.step import hits, parameter_groups, training_loss
from tests.tiny import AUGMENTED, BACKBONE


def test_hits_count_the_classes_ahead_of_the_true_one():
    """Top-5 is right up to the fifth place, top-1 at the first only."""
    logits = torch.arange(10.0).flip(0).expand(3, 10)

    assert hits(logits, torch.tensor([0, 4, 5])).tolist() == [[True, True], [False, True], [False, False]]


def test_constant_and_broken_logits_score_no_hit():
    """A network that says nothing is not right by the order of the classes, nor is one that says NaN."""
    logits = torch.stack([torch.zeros(10), torch.full((10,), float("nan"))])

    assert not hits(logits, torch.tensor([0, 0])).any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_with_smoothed_targets(smoothing):
    """(1 - e) of the true class's and e of the mean over classes' negative log-likelihood."""
    model = build_model(BACKBONE, num_classes=10)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([1, 2, 3, 4])
    loss, wrong = training_loss(model, images, labels, replace(AUGMENTED, label_smoothing=smoothing))
    logits = model(images).detach()
    negative = -F.log_softmax(logits, dim=1)
    expected = (1 - smoothing) * negative[range(4), labels].mean() + smoothing * negative.mean()

    assert float(expected) == pytest.approx(float(loss.detach()), rel=1e-6)
    assert int((logits.argmax(1) != labels).sum()) == int(wrong)


def test_weight_decay_can_leave_out_norms_and_biases():
    """Without them, the decayed group holds the weights of convolutions and the classifier alone."""
    model = build_model(BACKBONE, num_classes=10)
    decayed, kept = parameter_groups(model, replace(AUGMENTED, decay_norm_and_bias=False))
    vectors = sum(p.numel() for p in model.parameters() if p.ndim == 1)

    assert (AUGMENTED.weight_decay, 0.0) == (decayed["weight_decay"], kept["weight_decay"])
    assert vectors == sum(p.numel() for p in kept["params"])
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for g in (decayed, kept) for p in g["params"])


class Net(nn.Module):
    """Networks of one class and many widths."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(2, width)

    def forward(self, x):
        return self.layer(x)


def test_a_process_compiles_every_network_that_it_trains(monkeypatch):
    """Twelve of one class, each once; a second of the same width is not compiled again, and none runs uncompiled."""
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network, **_: compile_(network, backend=backend))
    for width in (*range(1, 13), 5):
        compiled_network(Net(width))(torch.zeros(3, 2))

    assert len(compiled) == 12
