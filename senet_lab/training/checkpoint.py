"""The state of a run after a step: all that is needed to go on to the same end.

Batches derive from (seed, purpose, epoch), so they are not part of the state. It holds weights, momentum, the curve and
the gates' health. Within an epoch it also holds the sums over the epoch's steps, and the states of the random streams
of the network's own random parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from senet_lab.errors import StudyError
from senet_lab.models.stochastic import set_stream_states, stream_states
from senet_lab.models.whole_state import left_out, load_whole_state
from senet_lab.records.curves import Point
from senet_lab.records.gate_health import GateHealth
from senet_lab.study.protocol import Protocol
from senet_lab.training.epoch import EpochSums


class CheckpointError(StudyError):
    """A checkpoint, or a file of final weights, does not fit its run."""


class CheckpointRefused(CheckpointError):
    """A run cannot go on from its checkpoint. Of processes that train together, all raise it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State after ``len(curve)`` epochs and, within the next epoch, after ``sums.steps`` steps.

    seconds: of training so far. gates: of every epoch that measured them. sums: None between two epochs. streams:
    states of the network's random parts, in the order of the parts; used only within an epoch.
    """

    model: Mapping[str, Tensor]
    momentum: Mapping[str, Tensor]
    curve: tuple[Point, ...]
    seconds: float
    gates: tuple[GateHealth, ...] = ()
    sums: EpochSums | None = None
    streams: Sequence[Tensor] = field(default=())

    def steps(self, protocol: Protocol) -> int:
        """Steps since the beginning of the run."""
        return len(self.curve) * protocol.steps_per_epoch + (self.sums.steps if self.sums else 0)


def momentum_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The momentum of every trained parameter, by the parameter's name; empty where none has any.

    It is zero for a parameter that no gradient has reached yet, such as that of a part that the loss does not use. The
    optimiser's first momentum is the gradient, so it goes on from zero as from none.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    found = {name: optimizer.state.get(one, {}).get("momentum_buffer") for name, one in trained.items()}
    if all(momentum is None for momentum in found.values()):
        return {}
    return {name: torch.zeros_like(trained[name]) if one is None else one for name, one in found.items()}


def put(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Sets a network's weights and its optimiser's momentum to those of a state."""
    load_whole_state(model, checkpoint.model)
    for name, parameter in model.named_parameters():
        if name in checkpoint.momentum:
            buffer = torch.empty_like(parameter).copy_(checkpoint.momentum[name])
            optimizer.state[parameter]["momentum_buffer"] = buffer


def put_streams(checkpoint: Checkpoint, model: nn.Module) -> None:
    """Sets the random streams of a network's parts to their states within the epoch."""
    set_stream_states(model, checkpoint.streams)


def misfit(checkpoint: Checkpoint, model: nn.Module, protocol: Protocol) -> str:
    """Says why a run of this network and protocol cannot go on from a state; empty if it can."""
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    momentum = trained if protocol.momentum and checkpoint.steps(protocol) else {}
    others = left_out(model)
    state = {name: tensor for name, tensor in checkpoint.model.items() if name not in others}
    return (
        tensors_misfit("weight", state, model.state_dict())
        or tensors_misfit("momentum", checkpoint.momentum, momentum)
        or _curve_misfit(checkpoint, protocol)
        or _streams_misfit(checkpoint, model)
    )


def tensors_misfit(what: str, found: Mapping[str, Tensor], needed: Mapping[str, Tensor]) -> str:
    """Describes the first tensor without the needed name, type or shape; empty if there is none.

    what: the kind of tensor in words, such as "weight".
    """
    for name in sorted(needed.keys() | found.keys()):
        if name not in found:
            return f"it lacks the {what} of {name}"
        if name not in needed:
            return f"it has a {what} of {name}, which the network does not have"
        (shape, kind), (other, other_kind) = ((t.shape, t.dtype) for t in (found[name], needed[name]))
        if (shape, kind) != (other, other_kind):
            return f"its {what} of {name} is {kind} {list(shape)}; the network's is {other_kind} {list(other)}"
    return ""


def _curve_misfit(checkpoint: Checkpoint, protocol: Protocol) -> str:
    epochs, sums = [point.epoch for point in checkpoint.curve], checkpoint.sums
    if epochs != list(range(1, len(epochs) + 1)) or len(epochs) > protocol.epochs:
        return f"its curve has the epochs {epochs}, not the first of {protocol.epochs}"
    if any(not 1 <= one.epoch <= len(epochs) for one in checkpoint.gates):
        return "it has gates of an epoch that its curve does not have"
    if sums and (len(epochs) == protocol.epochs or not 0 < sums.steps <= protocol.steps_per_epoch):
        return f"it is after step {sums.steps} of epoch {len(epochs) + 1}, which the protocol does not have"
    return ""


def _streams_misfit(checkpoint: Checkpoint, model: nn.Module) -> str:
    found, needed = len(checkpoint.streams), len(stream_states(model))
    if checkpoint.sums and found != needed:
        return f"it holds the states of {found} random streams; the network has {needed}"
    return ""
