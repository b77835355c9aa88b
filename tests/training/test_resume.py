"""A run that is interrupted, at whatever step, goes on to the same end: the same bits on a CPU."""

import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from senet_lab.data.open import open_source
from senet_lab.models.dropout import StreamDropout
from senet_lab.models.output_shape import mark_random
from senet_lab.models.registry import build_model, channels_last
from senet_lab.training import device_loop
from senet_lab.training.checkpoint import misfit
from senet_lab.training.epoch import Diverged, EpochMeter, EpochSums
from senet_lab.training.run_state import Hooks
from senet_lab.training.state_file import Kind, Saved, from_bytes, to_bytes
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.stopping import EXIT_GO_ON, Paused, SavePlan, StopSign, Wish
from tests.slow import slow_if
from tests.smallest import cell, run
from tests.tensors import assert_same_tensors
from tests.tiny import AUGMENTED
from tests.training.executors import EXECUTORS, without_time

SMALL = replace(AUGMENTED, name="small", train_images=12, batch_size=4, test_images=8, epochs=2)
CELL, RUN = cell(SMALL), run(protocol=SMALL)
LOOKS = 2 * (3 + 1) + 1  # after each step and the one batch of each evaluation, and after the first epoch
# One of each kind: after a first step and a last one, in an evaluation, between the epochs; two in the last epoch.
QUICK = (1, 3, 4, 5, 7, 9)


class Every(SavePlan):
    """Saves at every look, and stops at one of them (from 1)."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.looks, self.stop_at = 0, stop_at

    def wish(self):
        self.looks += 1
        if self.looks == self.stop_at:
            self.stop.ask("a test")
        return Wish.STOP if self.stop.reason else Wish.SAVE


def through_a_file(state):
    """As another process finds it."""
    data = to_bytes(Kind.CHECKPOINT, RUN, Saved(state, ()))
    return from_bytes(data, Path("a file"), Kind.CHECKPOINT, RUN).state


def network():
    """A network with a random part of its own, and one that draws from PyTorch's global stream, as a user's may."""
    model = build_model(CELL.backbone, CELL.se, 10, 0)
    model.classifier = nn.Sequential(StreamDropout(0.3, "before the classifier"), nn.Dropout(0.2), model.classifier)
    mark_random(model, (2, 3, 32, 32))
    return channels_last(model)


def until_the_end(executor, source, stops, network=network):
    """Trains with a stop at each of these looks, every time in a new network; returns the network and the end."""
    state = None
    for stop in (*stops, None):
        files = []
        model, plan = network(), Every(stop)
        assert state is None or misfit(state, model, SMALL) == ""
        hooks = Hooks(save=lambda state, files=files: files.append(through_a_file(state)), plan=plan)
        try:
            trained = EXECUTORS[executor](model, source, CELL, 0, resume=state, hooks=hooks)
        except Paused:
            state = files[-1]
        else:
            return model, trained
    raise AssertionError("it never ended")


@pytest.fixture(scope="module")
def source():
    """The data of the small protocol."""
    return open_source(SMALL, torch.device("cpu"))


@pytest.fixture(scope="module")
def whole(source):
    """The uninterrupted run of each executor."""
    return {name: until_the_end(name, source, ()) for name in EXECUTORS}


def equal(one, other):
    (model, trained), (model_again, trained_again) = one, other
    assert without_time(trained.curve) == without_time(trained_again.curve)
    assert trained.state.gates == trained_again.state.gates
    assert torch.equal(trained.evaluation.hits_N2, trained_again.evaluation.hits_N2)
    assert_same_tensors(model.state_dict(), model_again.state_dict())
    assert_same_tensors(trained.state.momentum, trained_again.state.momentum)


def test_the_whole_run_has_every_step(whole):
    """Six steps and two evaluations, whichever executor."""
    equal(whole["device"], whole["lightning"])
    _, trained = whole["device"]

    assert [point.epoch for point in trained.curve] == [1, 2]
    assert len(trained.state.momentum) == len(list(network().parameters()))
    assert trained.state.sums is None


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("look", [slow_if(look not in QUICK, look) for look in range(1, LOOKS + 1)])
def test_a_run_that_is_stopped_anywhere_ends_as_if_it_had_not_been(executor, look, source, whole):
    """After each step, in each evaluation and after each epoch but the last, through a file and a new network."""
    equal(whole[executor], until_the_end(executor, source, [look]))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_may_be_stopped_again_and_again(executor, source, whole):
    """Three times, at steps that chance chose."""
    stops = random.Random(7).sample(range(1, 5), 3)

    equal(whole[executor], until_the_end(executor, source, stops))


@pytest.mark.parametrize("executors", [("device", "lightning"), ("lightning", "device")])
def test_the_other_executor_may_go_on(executors, source, whole):
    """Begun by one and ended by the other, the run is the same."""
    files = []
    hooks = Hooks(save=lambda state: files.append(through_a_file(state)), plan=Every(5))
    with pytest.raises(Paused):
        EXECUTORS[executors[0]](network(), source, CELL, 0, hooks=hooks)
    model = network()
    trained = EXECUTORS[executors[1]](model, source, CELL, 0, resume=files[-1])

    equal(whole["device"], (model, trained))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_part_that_the_loss_does_not_use_has_no_momentum_and_does_not_hinder(executor, source):
    """As an unused head in a network of one's own: the run can be interrupted as any other."""
    ends = []
    for stops in ((2,), ()):
        state = None
        for stop in (*stops, None):
            files, model = [], network()
            model.unused = nn.Linear(2, 2)
            nn.init.ones_(model.unused.weight)
            assert state is None or misfit(state, model, SMALL) == ""
            hooks = Hooks(save=lambda state, files=files: files.append(through_a_file(state)), plan=Every(stop))
            try:
                trained = EXECUTORS[executor](model, source, CELL, 0, resume=state, hooks=hooks)
            except Paused:
                state = files[-1]
        model.unused.bias.data.zero_()  # it is drawn from the global stream
        ends.append((model, trained))

    equal(*ends)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_that_diverged_says_so_instead_of_saving(executor, source):
    """At the next save, with the steps until then. Nothing could go on from such a state."""
    files, model = [], network()
    nn.init.constant_(model.classifier[-1].bias, float("nan"))
    with pytest.raises(Diverged, match="the training loss is nan in epoch 1") as error:
        EXECUTORS[executor](
            model, source, CELL, 0, hooks=Hooks(save=lambda s: files.append(through_a_file(s)), plan=Every())
        )

    assert (error.value.steps, files) == (1, [])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_batches_before_the_checkpoint_are_not_made_again(executor, source, monkeypatch):
    """Going on after the second of three steps makes one batch of that epoch and three of the next."""
    files, made = [], []
    hooks = Hooks(save=lambda state: files.append(through_a_file(state)), plan=Every(2))
    with pytest.raises(Paused, match=r"after step 2 of 3 of epoch 1 \(a test\); the same command goes on"):
        EXECUTORS[executor](network(), source, CELL, 0, hooks=hooks)
    batch = source.batch
    monkeypatch.setattr(source, "batch", lambda draws: made.append(1) or batch(draws))
    EXECUTORS[executor](network(), source, CELL, 0, resume=files[-1])

    assert files[-1].sums.steps == 2
    assert len(made) == 1 + 3


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_whose_last_checkpoint_is_final_is_only_evaluated(executor, source, whole, monkeypatch):
    """Killed between the last epoch and its record, a run does not train again, and keeps its momentum and curve."""
    state = through_a_file(whole[executor][1].state)
    monkeypatch.setattr(EpochMeter, "add", lambda *words: pytest.fail("it trained"))
    model = network()
    trained = EXECUTORS[executor](model, source, CELL, 0, resume=state)

    assert trained.curve == state.curve
    equal(whole[executor], (model, trained))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_evaluation_of_a_final_checkpoint_can_be_stopped(executor, source, whole):
    """After its first batch, like any other. What was saved stays the final state."""
    state, files = through_a_file(whole[executor][1].state), []
    hooks = Hooks(save=files.append, plan=Every(1))
    with pytest.raises(Paused, match="in the evaluation after epoch 2"):
        EXECUTORS[executor](network(), source, CELL, 0, resume=state, hooks=hooks)

    assert [saved.curve for saved in files] == [state.curve]


def test_seconds_add_up(source):
    """The time before an interruption counts, of the run and of its epoch."""
    begun = through_a_file(device_loop.train(network(), source, SMALL, 0).state)
    late = replace(begun, curve=(), gates=(), seconds=1000.0, sums=EpochSums(3, 12, 6.0, 9, 500.0), momentum={})
    late = replace(late, streams=[torch.Generator().get_state()] * 2)  # of the two random parts
    trained = device_loop.train(network(), source, SMALL, 0, resume=late)

    assert trained.state.seconds == pytest.approx(1000.0, abs=30)
    assert trained.state.seconds > 1000
    assert trained.curve[0].seconds == pytest.approx(500.0, abs=30)
    assert trained.curve[0].train_loss == 2.0
    assert trained.curve[1].seconds < 30


def test_replayed_steps_go_on_within_an_epoch(monkeypatch):
    """Where steps are replays of a graph, the graph's own counter and sums begin where the checkpoint was."""
    monkeypatch.setattr(device_loop, "captures", lambda data, model: True)
    monkeypatch.setattr(StaticEpoch, "captured", lambda self: self.step)
    source, plain = open_source(SMALL, torch.device("cpu")), CELL
    ends = []
    for stops in ((), (2,), (7,)):
        state = None
        for stop in (*stops, None):
            files, model = [], channels_last(build_model(plain.backbone, plain.se, 10, 0))
            hooks = Hooks(save=lambda state, files=files: files.append(through_a_file(state)), plan=Every(stop))
            try:
                trained = device_loop.train(model, source, SMALL, 0, resume=state, hooks=hooks)
            except Paused:
                state = files[-1]
        ends.append((model, trained))

    equal(ends[0], ends[1])
    equal(ends[0], ends[2])


def test_a_plan_saves_by_the_clock_and_stops_by_the_sign():
    """Every ten minutes after the last checkpoint; from a signal or the end of its time on, at every look."""
    now = [0.0]
    plan = SavePlan(StopSign(3600, clock=lambda: now[0]), minutes=10, clock=lambda: now[0])
    seen = []
    for now[0] in (599, 600, 601):
        seen.append(plan.wish())
    plan.saved()
    for now[0] in (1200, 1201, 3600):
        seen.append(plan.wish())

    assert seen == [Wish.GO_ON, Wish.SAVE, Wish.SAVE, Wish.GO_ON, Wish.SAVE, Wish.STOP]
    assert plan.stop.reason == "the time that it was given is over"
    assert SavePlan(minutes=None, clock=lambda: 1e9).wish() is Wish.GO_ON


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_ask_a_run_to_end(number, executor, source):
    """Sent to a process that trains, one leaves a checkpoint and an exit status that says: go on. Always after a step,
    so that processes that train together end after the same one."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)}
    files, stop = [], StopSign()
    stop.on_signals()
    hooks = Hooks(
        save=files.append,
        report=lambda progress: os.kill(os.getpid(), number) if progress.step == 4 else None,
        plan=SavePlan(stop),
    )
    try:
        with pytest.raises(Paused, match=number.name) as paused:
            EXECUTORS[executor](network(), source, CELL, 0, hooks=hooks)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

    assert (len(files[-1].curve), files[-1].sums.steps) == (1, 2)
    assert paused.value.exit_status == EXIT_GO_ON == 75
