"""Tensors that are in no state dict, and parameters whose first gradient comes late, in a run that is interrupted."""

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from senet_lab.data.open import open_source
from senet_lab.models.registry import build_model, channels_last
from senet_lab.models.whole_state import load_whole_state, whole_state
from senet_lab.training.compare_step import _paired
from senet_lab.training.lightning_module import SENetData, SENetModule
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
    """Every tensor, by name. A buffer of no state dict may be absent, as in an earlier version, or of another shape."""
    one, other = late_network(), late_network()
    one.classifier.steps += 3
    load_whole_state(other, whole_state(one))
    assert_same_tensors(whole_state(other), whole_state(one))

    load_whole_state(other, one.state_dict())
    load_whole_state(other, whole_state(one) | {"classifier.steps": torch.ones(2)})
    assert float(other.classifier.steps) == 3
    with pytest.raises(RuntimeError, match="Missing key"):
        load_whole_state(other, {})


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_lightnings_checkpoints_hold_these_buffers(tmp_path):
    """A fit from one of them ends with the same count."""
    source, model = open_source(SMALL, torch.device("cpu")), late_network()
    options = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "max_epochs": 2}
    trainer, second = (
        pl.Trainer(**options, callbacks=[ModelCheckpoint(tmp_path / name, every_n_epochs=1, save_top_k=-1)])
        for name in "ab"
    )
    trainer.fit(SENetModule(CELL, 0, model), datamodule=SENetData(SMALL, 0, source))
    first = min((tmp_path / "a").glob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)
    again = late_network()
    second.fit(SENetModule(CELL, 0, again), datamodule=SENetData(SMALL, 0, source), ckpt_path=first)

    assert float(model.classifier.steps) == 6
    assert_same_tensors(whole_state(again), whole_state(model))


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
