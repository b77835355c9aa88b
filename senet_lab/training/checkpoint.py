"""The state of a run between two epochs: safetensors, no pickled objects, replaced whole.

Random streams derive from (seed, purpose, epoch), so weights, momentum, the curve and the gates' health
are the whole state.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from senet_lab.records.curves import CurvePoint
from senet_lab.records.files import replace_file
from senet_lab.records.gate_health import GateHealth

MODEL, MOMENTUM = "model.", "momentum."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State after ``len(curve)`` epochs. seconds: trained so far; gates: after every epoch that measured them."""

    model: Mapping[str, Tensor]
    momentum: Mapping[str, Tensor]
    curve: tuple[CurvePoint, ...]
    seconds: float
    gates: tuple[GateHealth, ...] = ()


def take(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    curve: Sequence[CurvePoint],
    seconds: float,
    gates: Sequence[GateHealth] = (),
) -> Checkpoint:
    """The present state of a run."""
    buffers = {
        name: optimizer.state[parameter]["momentum_buffer"]
        for name, parameter in model.named_parameters()
        if optimizer.state.get(parameter, {}).get("momentum_buffer") is not None
    }
    return Checkpoint(model.state_dict(), buffers, tuple(curve), seconds, tuple(gates))


def fits(checkpoint: Checkpoint, model: nn.Module) -> bool:
    """Whether a state is one of this network: the same names and shapes, as another version's may not be."""
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    return shapes == {name: tensor.shape for name, tensor in checkpoint.model.items()}


def put(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Sets a network and its optimiser to a state."""
    model.load_state_dict(checkpoint.model)
    for name, parameter in model.named_parameters():
        if name in checkpoint.momentum:
            buffer = torch.empty_like(parameter).copy_(checkpoint.momentum[name])
            optimizer.state[parameter]["momentum_buffer"] = buffer


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint file of a run."""
    replace_file(path, file_bytes(checkpoint))


def file_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of its file."""
    tensors = {MODEL + name: tensor for name, tensor in checkpoint.model.items()}
    tensors |= {MOMENTUM + name: tensor for name, tensor in checkpoint.momentum.items()}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    card = {
        "curve": json.dumps([asdict(p) for p in checkpoint.curve]),
        "seconds": repr(checkpoint.seconds),
        "gates": json.dumps([asdict(g) for g in checkpoint.gates]),
    }
    return save(contiguous, metadata=card)


def read(path: Path) -> Checkpoint | None:
    """The checkpoint in a file; None where there is none or it cannot be read, which costs time and nothing else."""
    try:
        with safe_open(path, framework="pt") as file:
            card = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        curve = tuple(CurvePoint(**point) for point in json.loads(card["curve"]))
        seconds = float(card["seconds"])
        gates = tuple(GateHealth(**one) for one in json.loads(card.get("gates", "[]")))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return Checkpoint(_part(tensors, MODEL), _part(tensors, MOMENTUM), curve, seconds, gates)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
