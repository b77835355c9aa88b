"""Tensors that are in no state dict, and parameters whose first gradient comes late, in a run that is interrupted."""

import pytest
import torch
from torch import nn

from senet_lab.data.open import open_source
from senet_lab.models.registry import build_model, channels_last
from senet_lab.models.whole_state import load_whole_state, whole_state
from senet_lab.training.compare_step import _paired
from tests.tensors import assert_same_tensors
from tests.training.executors import EXECUTORS
from tests.training.test_resume import CELL, SMALL, equal, until_the_end


class Late(nn.Module):
    """An FC layer that a second one joins from the second training step on, by a count that no state dict has."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Linear(width, 10), nn.Linear(width, 10)
        self.register_buffer("steps", torch.zeros(()), persistent=False)

    def forward(self, x_BC):
        if self.training:
            self.steps += 1
        return self.first(x_BC) + self.second(x_BC) / self.steps if self.steps > 1 else self.first(x_BC)


def late_network():
    """A network that ends in it."""
    model = build_model(CELL.backbone, CELL.se, 10, 0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model.classifier = Late(model.classifier.in_features)
    return channels_last(model)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_goes_on_with_buffers_that_no_state_dict_has(executor):
    """It is stopped after the first step, when the late layer has no gradient yet, and in the second epoch."""
    source = open_source(SMALL, torch.device("cpu"))
    whole = until_the_end(executor, source, (), late_network)
    again = until_the_end(executor, source, (1, 6), late_network)

    assert float(whole[0].classifier.steps) == 6
    assert "classifier.steps" not in whole[0].state_dict()
    equal(whole, again)
    assert_same_tensors(whole_state(whole[0]), whole_state(again[0]))


def test_the_whole_state_goes_into_another_network():
    """Every tensor, by name; one that is missing is an error."""
    one, other = late_network(), late_network()
    one.classifier.steps += 3
    load_whole_state(other, whole_state(one))

    assert_same_tensors(whole_state(other), whole_state(one))
    with pytest.raises(KeyError, match=r"classifier\.steps"):
        load_whole_state(other, one.state_dict())


def test_gradients_of_either_step_are_compared():
    """One that only one of the two steps has stands beside zeros, so that it shows."""
    here, both = torch.ones(2), torch.full((3,), 2.0)
    pairs = _paired({"a": here, "b": both}, {"b": both, "c": here})

    assert {name: [one.tolist() for one in pair] for name, pair in pairs.items()} == {
        "a": [[1, 1], [0, 0]],
        "b": [[2, 2, 2], [2, 2, 2]],
        "c": [[0, 0], [1, 1]],
    }


def test_convolutions_of_three_axes_are_left_as_they_lie():
    """Images have two, so only their weights can lie channels last."""
    model = channels_last(nn.ModuleList([nn.Conv2d(2, 2, 2), nn.Conv3d(2, 2, 2)]))

    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[1].weight.is_contiguous()
