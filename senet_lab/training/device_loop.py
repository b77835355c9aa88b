"""The device loop: an executor for small images. Batches are made on the network's device, and within an epoch nothing
is read back to the host."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeGuard

import torch
from torch import nn

from senet_lab.data.batches import BatchSource
from senet_lab.data.resident import ResidentData
from senet_lab.models.stochastic import is_stochastic
from senet_lab.study.protocol import Protocol
from senet_lab.training.checkpoint import Checkpoint, put
from senet_lab.training.compiled import compiled_network
from senet_lab.training.epoch import EpochMeter, evaluate_all
from senet_lab.training.ranks import ALONE, Ranks
from senet_lab.training.replays import Replays
from senet_lab.training.run_state import Follower, Hooks, RunState, Trained
from senet_lab.training.static_epoch import StaticEpoch
from senet_lab.training.step import make_optimizer, set_learning_rate, take_gradients
from senet_lab.training.turns import TURNS


def train(
    model: nn.Module,
    data: BatchSource,
    protocol: Protocol,
    seed: int,
    *,
    resume: Checkpoint | None = None,
    hooks: Hooks | None = None,
    compiled: bool = False,
    ranks: Ranks = ALONE,
    at_once: int | None = None,
) -> Trained:
    """Trains to the end of the protocol, from the checkpoint ``resume`` on if there is one.

    data: makes this process's part of each batch. compiled: whether the network is compiled. ranks: the processes that
    train together. at_once: the most images that a process passes through the network together; None for no limit.

    Raises Diverged where a loss is not finite, and Paused where the plan of the hooks asks for the end.
    """
    with TURNS.shared():
        optimizer = make_optimizer(model, protocol)
        if resume is not None:
            put(resume, model, optimizer)
        state = RunState(model, protocol, seed, data.device, resume)
    follower = Follower(state, optimizer, hooks or Hooks(), TURNS.shared, ranks)
    with ExitStack() as ends:
        if captures(data, model) and not ranks.together and at_once is None:
            replays = Replays(StaticEpoch(model, optimizer, data, compiled))
            ends.callback(replays.close)
            return _train(replays, follower, data)
        return _train(_plain_steps(model, optimizer, data, protocol, compiled, ranks, at_once), follower, data)


def _train(steps: "Steps", follower: Follower, data: BatchSource) -> Trained:
    state, evaluation = follower.state, None
    model, protocol = state.model, state.protocol
    for epoch in range(len(state.curve), protocol.epochs):
        state.begin_epoch(epoch)
        rates = [state.rate(epoch, step) for step in range(protocol.steps_per_epoch)]
        for index in steps(state.seed, epoch, rates, state.meter):
            follower.after_step(epoch, index + 1)
        with TURNS.shared():
            evaluation = evaluate_all(model, follower.watched(data.test_batches(), epoch), protocol, follower.ranks)
        state.end_epoch(epoch, evaluation)
        follower.after_epoch()
    if evaluation is None:
        with TURNS.shared():
            batches = follower.watched(data.test_batches(), protocol.epochs - 1)
            evaluation = evaluate_all(model, batches, protocol, follower.ranks)
    return Trained(state.snapshot(follower.optimizer), evaluation)


# Takes the steps of an epoch that the meter does not have yet, and yields the index of each. Arguments: seed, epoch,
# the learning rates of all steps, the meter.
Steps = Callable[[int, int, Sequence[float], EpochMeter], Iterator[int]]


def captures(data: BatchSource, model: nn.Module) -> TypeGuard[ResidentData]:
    """Whether the steps of a run become a CUDA graph. A network with random parts has none, because the streams of
    these parts are on the host."""
    return data.device.type == "cuda" and isinstance(data, ResidentData) and not is_stochastic(model)


def _plain_steps(
    model: nn.Module,
    optimizer: torch.optim.SGD,
    data: BatchSource,
    protocol: Protocol,
    compiled: bool,
    ranks: Ranks,
    at_once: int | None,
) -> Steps:
    """Steps that are given to the device one by one. The index of each is yielded afterwards."""
    network = compiled_network(model) if compiled else model

    def plain(seed: int, epoch: int, rates: Sequence[float], meter: EpochMeter) -> Iterator[int]:
        batches = enumerate(data.training_batches(seed, epoch, meter.steps), meter.steps)
        while True:
            with TURNS.shared():
                following = next(batches, None)
                if following is None:
                    return
                index, batch = following
                set_learning_rate(optimizer, rates[index])
                loss, wrong = take_gradients(network, model, batch, protocol, ranks, at_once)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                meter.add(loss, wrong, protocol.batch_size)
            yield index

    return plain
