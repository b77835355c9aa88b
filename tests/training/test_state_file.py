"""A checkpoint and a file of final weights know what they are, and nothing else is gone on from."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from senet_lab.models.dropout import StreamDropout
from senet_lab.records.curves import CurvePoint
from senet_lab.records.gate_health import GateHealth
from senet_lab.training import state_file
from senet_lab.training.checkpoint import Checkpoint, CheckpointError, misfit, momentum_of
from senet_lab.training.epoch import EpochSums
from senet_lab.training.parts import changed, with_steps
from senet_lab.training.state_file import Kind, Saved, from_bytes, read, to_bytes
from senet_lab.training.step import make_optimizer
from tests.samples import PART as SAMPLE
from tests.tensors import assert_same_tensors
from tests.tiny import AUGMENTED, run

PATH = Path("the/file.safetensors")
RUN = run()
POINT = CurvePoint(
    epoch=1,
    learning_rate=0.1,
    train_loss=2.3,
    train_top1_error_pct=90.0,
    test_loss=2.2,
    test_top1_error_pct=85.0,
    test_top5_error_pct=45.0,
    seconds=1.5,
)
HEALTH = GateHealth(epoch=1, block="SE_2_1", mean=0.5, spread=0.1, share_low=0.0, share_high=0.25)
PART = replace(SAMPLE, steps=5, revision="aaaa", versions={"python": "3.11", "torch": "2.11"})


def small_network():
    """Weights, statistics and a random part."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), StreamDropout(0.5, "here"), nn.Linear(8, 10)
    )


def state_within_an_epoch():
    """After one epoch and two steps of the next."""
    model = small_network()
    optimizer = make_optimizer(model, AUGMENTED)
    model(torch.ones(2, 3, 2, 2)).sum().backward()
    optimizer.step()
    sums = EpochSums(2, 40, 4.700000286102295, 35, 0.25)
    streams = [model[3].stream.get_state()]
    return Checkpoint(model.state_dict(), momentum_of(model, optimizer), (POINT,), 2.5, (HEALTH,), sums, streams)


STATE = state_within_an_epoch()
DATA = to_bytes(Kind.CHECKPOINT, RUN, Saved(STATE, (PART,)))


def test_a_state_survives_its_file():
    """Every tensor, sum, point and part."""
    saved = from_bytes(DATA, PATH, Kind.CHECKPOINT, RUN)
    state = saved.state

    assert saved.parts == (PART,)
    assert (state.curve, state.gates, state.sums, state.seconds) == ((POINT,), (HEALTH,), STATE.sums, 2.5)
    assert torch.equal(state.streams[0], STATE.streams[0])
    assert_same_tensors(state.model, STATE.model)
    assert_same_tensors(state.momentum, STATE.momentum)
    assert misfit(state, small_network(), AUGMENTED) == ""


def test_tied_weights_are_written_twice_and_stay_tied():
    """The form of the file refuses tensors that share memory."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    state = replace(STATE, model=model.state_dict(), momentum={})
    found = from_bytes(to_bytes(Kind.CHECKPOINT, RUN, Saved(state, (PART,))), PATH, Kind.CHECKPOINT, RUN).state
    model.load_state_dict(found.model)

    assert set(found.model) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert torch.equal(found.model["0.weight"], found.model["1.weight"])
    assert model[1].weight is model[0].weight


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_no_flipped_bit_is_gone_on_from(stride):
    """Any byte of the card, the names or the tensors: refused with the path, and how to go on."""
    believed = []
    for position in range(0, len(DATA), stride):
        damaged = DATA[:position] + bytes([DATA[position] ^ 0x10]) + DATA[position + 1 :]
        try:
            from_bytes(damaged, PATH, Kind.CHECKPOINT, RUN)
        except CheckpointError as error:
            text = str(error)
            assert text.startswith(str(PATH))
            assert "\n" not in text
            assert "delete it to train this run from its start" in text or "move it to where it belongs" in text
        else:
            believed.append(position)

    assert believed == []


@pytest.mark.parametrize("length", [0, 4, 8, 100, len(DATA) // 2, len(DATA) - 1])
def test_a_file_that_was_cut_is_refused(length):
    """Whatever of it is left."""
    with pytest.raises(CheckpointError, match="the/file"):
        from_bytes(DATA[:length], PATH, Kind.CHECKPOINT, RUN)


@pytest.mark.parametrize(
    ("kind", "of", "text"),
    [
        (Kind.CHECKPOINT, run(1), "its seed is 0, not 1"),
        (Kind.CHECKPOINT, run(reduction=8), f"its key is '{RUN.cell.key}', not '{run(reduction=8).cell.key}'"),
        (Kind.WEIGHTS, RUN, "its kind is 'checkpoint', not 'final weights'"),
    ],
)
def test_a_file_of_another_run_is_refused_by_name(kind, of, text):
    """Seed, cell and kind are in its card, whatever its path says."""
    with pytest.raises(CheckpointError, match=text.replace("'", ".")):
        from_bytes(DATA, PATH, kind, of)


def test_a_file_of_an_earlier_version_does_not_say_whose_it_is():
    """Its card has no key, so it is not gone on from."""
    length = struct.unpack("<Q", DATA[:8])[0]
    header = json.loads(DATA[8 : 8 + length])
    header["__metadata__"] = {"curve": "[]", "seconds": "1.0", "gates": "[]"}
    text = json.dumps(header).encode()

    with pytest.raises(CheckpointError, match="earlier version and does not name its run"):
        from_bytes(struct.pack("<Q", len(text)) + text + DATA[8 + length :], PATH, Kind.CHECKPOINT, RUN)


@pytest.mark.parametrize("header", ["[]", "null", "3", '{"__metadata__": null}', '{"__metadata__": []}', "[" * 5000])
def test_a_header_of_another_form_is_refused(header):
    """JSON, but no object, or one without the names of tensors and card."""
    with pytest.raises(CheckpointError, match=r"^the/file.safetensors is .*; delete it to train this run"):
        from_bytes(struct.pack("<Q", len(header)) + header.encode(), PATH, Kind.CHECKPOINT, RUN)


def test_nothing_is_no_checkpoint(tmp_path):
    """A run without one begins at its start."""
    assert read(tmp_path / "c", Kind.CHECKPOINT, RUN) is None


def without(tensors, name):
    return {key: tensor for key, tensor in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (replace(STATE, momentum=without(STATE.momentum, "4.bias")), "it lacks the momentum of 4.bias"),
        (replace(STATE, momentum={}), "it lacks the momentum of 0.bias"),
        (replace(STATE, model=without(STATE.model, "1.running_var")), "it lacks the weight of 1.running_var"),
        (replace(STATE, model={**STATE.model, "5.w": torch.ones(1)}), "5.w, which the network does not have"),
        (replace(STATE, model={**STATE.model, "4.bias": torch.ones(9)}), r"4.bias is torch.float32 \[9\]; .* \[10\]"),
        (replace(STATE, model={**STATE.model, "4.bias": torch.ones(10).double()}), "4.bias is torch.float64"),
        (replace(STATE, curve=(replace(POINT, epoch=2),)), r"its curve has the epochs \[2\], not the first of 3"),
        (
            replace(STATE, curve=tuple(replace(POINT, epoch=n) for n in range(1, 5))),
            r"\[1, 2, 3, 4\], not the first of 3",
        ),
        (replace(STATE, curve=()), "gates of an epoch that its curve does not have"),
        (
            replace(STATE, sums=replace(STATE.sums, steps=4)),
            "after step 4 of epoch 2, which the protocol does not have",
        ),
        (replace(STATE, streams=()), "it holds the states of 0 random streams; the network has 1"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_by_name(state, reason):
    """A missing momentum, another shape or type, another curve, no streams."""
    import re

    assert re.search(reason, misfit(state, small_network(), AUGMENTED))


def test_parts_grow_with_their_steps():
    """The same circumstances go on as one part; others begin a new one, and say what is not as it was."""
    other = replace(
        PART, steps=0, revision="bbbb", threads=2, cpu_flags=("avx2",), versions=PART.versions | {"torch": "2.12"}
    )

    assert with_steps((), replace(PART, steps=0), 7) == (replace(PART, steps=7),)
    assert with_steps((PART,), replace(PART, steps=0), 7) == (replace(PART, steps=12),)
    assert with_steps((PART,), other, 7) == (PART, replace(other, steps=7))
    assert with_steps((PART,), other, 0) == (PART,)
    assert changed(PART, other) == [
        "revision aaaa -> bbbb",
        "vector instructions fma",
        "threads 1 -> 2",
        "torch 2.11 -> 2.12",
    ]


def test_a_file_of_a_later_version_says_update(monkeypatch):
    """Not that it is damaged: to delete it would throw days of training away."""
    monkeypatch.setattr(state_file, "FORM", state_file.FORM + 1)
    later = to_bytes(Kind.CHECKPOINT, RUN, Saved(STATE, (PART,)))
    monkeypatch.undo()

    with pytest.raises(CheckpointError, match=r"was written by a later version \(form .*\); update senet_lab"):
        from_bytes(later, PATH, Kind.CHECKPOINT, RUN)
