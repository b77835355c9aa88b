"""A state of a run as a file: tensors as safetensors, without pickled objects, and a card in its metadata.

The card holds the run's key and seed, every part of its training with revision, versions and threads, and the SHA-256
of the tensors. The card's own SHA-256 stands beside it. So a file of another run is refused, and so is a file with a
single changed bit.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from senet_lab.errors import INVALID
from senet_lab.records.curves import Point
from senet_lab.records.gate_health import GateHealth
from senet_lab.records.reading import read_bytes
from senet_lab.records.record import TrainedPart
from senet_lab.study.cell import Run, UnknownFields, from_plain, to_plain
from senet_lab.training.checkpoint import Checkpoint, CheckpointError
from senet_lab.training.epoch import EpochSums

FORM = 2  # the card's version; the first had no number and did not name its run
MODEL, MOMENTUM, STREAM = "model.", "momentum.", "stream."


class Kind(StrEnum):
    """What a file is for."""

    CHECKPOINT = "checkpoint"
    WEIGHTS = "final weights"


MENDS = {
    Kind.CHECKPOINT: "delete it to train this run from its start",
    Kind.WEIGHTS: "copy the right file from where the run was trained, or train it again",
}


@dataclass(frozen=True, slots=True)
class Saved:
    """The content of a file: a state, the parts of the training that led to it, and the damaged photos that it left
    out. data: the digests of the data that it was trained on, by split; empty where the file does not say them."""

    state: Checkpoint
    parts: tuple[TrainedPart, ...]
    left_out: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)


def to_bytes(kind: Kind, run: Run, saved: Saved) -> bytes:
    """The bytes of a file that holds this state of this run."""
    tensors = apart(_tensors(saved.state))
    card = json.dumps(
        {
            "form": FORM,
            "kind": kind.value,
            "key": run.cell.key,
            "seed": run.seed,
            "parts": to_plain(saved.parts),
            "tensors_sha256": _tensors_sha256(tensors),
            **state_card(saved.state),
            **({"left_out": list(saved.left_out)} if saved.left_out else {}),
            **({"data_sha256": dict(saved.data)} if saved.data else {}),
        },
        sort_keys=True,
        allow_nan=False,
    )
    return save(tensors, metadata={"card": card, "card_sha256": _sha256(card)})


def apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in main memory. Those that share memory, as tied weights do, get a copy each: the form needs it."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        memory = here.untyped_storage().data_ptr()
        found[name] = here.clone() if memory in seen else here
        seen.add(memory)
    return found


def from_bytes(data: bytes, path: Path, kind: Kind, run: Run) -> Saved:
    """The content of a file that ``to_bytes`` made for this run and kind.

    Raises CheckpointError, which names the path and the reason, for any other file.
    """
    mend = MENDS[kind]
    try:
        tensors = load(data)
        metadata = _metadata(data)
    except (SafetensorError, *INVALID) as error:
        raise CheckpointError(f"{path} is no {kind} ({_short(error)}); {mend}") from None
    if "card" not in metadata:
        raise CheckpointError(f"{path} is of an earlier version and does not name its run; {mend}")
    try:
        if metadata.get("card_sha256") != _sha256(metadata["card"]):
            raise ValueError("the digest of its card does not fit")
        card = json.loads(metadata["card"])
        _refuse_another(card, path, kind, run)
        if card["tensors_sha256"] != _tensors_sha256(tensors):
            raise ValueError("the digest of its tensors does not fit")
        left_out = from_plain(tuple[str, ...], card.get("left_out", []))
        data_sha256 = from_plain(dict[str, str], card.get("data_sha256", {}))
        parts = from_plain(tuple[TrainedPart, ...], card["parts"])
        return Saved(state_of(card, tensors), parts, left_out, data_sha256)
    except UnknownFields as error:
        raise CheckpointError(f"{path} was written by a later version ({_short(error)}); update senet_lab") from None
    except INVALID as error:
        raise CheckpointError(f"{path} is damaged ({_short(error)}); {mend}") from None


def read(path: Path, kind: Kind, run: Run) -> Saved | None:
    """The content of a file; None if there is no such file.

    Raises CheckpointError as ``from_bytes``, and Unreadable where the file cannot be read.
    """
    data = read_bytes(path)
    return None if data is None else from_bytes(data, path, kind, run)


def state_card(state: Checkpoint) -> dict[str, Any]:
    """The parts of a state that are not tensors, as JSON data."""
    return {
        "curve": to_plain(state.curve),
        "gates": to_plain(state.gates),
        "sums": to_plain(state.sums),
        "seconds": float(state.seconds),
    }


def state_of(card: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Checkpoint:
    """The state that a card and tensors describe. Raises KeyError or ValueError for a card of another form."""
    streams = _part(tensors, STREAM)
    return Checkpoint(
        model=_part(tensors, MODEL),
        momentum=_part(tensors, MOMENTUM),
        curve=from_plain(tuple[Point, ...], card["curve"]),
        seconds=from_plain(float, card["seconds"]),
        gates=from_plain(tuple[GateHealth, ...], card["gates"]),
        sums=None if card["sums"] is None else from_plain(EpochSums, card["sums"]),
        streams=[streams[str(index)] for index in range(len(streams))],
    )


def stream_tensors(streams: Sequence[Tensor]) -> dict[str, Tensor]:
    """The states of random streams, under the names that ``state_of`` reads."""
    return {f"{STREAM}{index}": state for index, state in enumerate(streams)}


def _tensors(state: Checkpoint) -> dict[str, Tensor]:
    tensors = {MODEL + name: tensor for name, tensor in state.model.items()}
    tensors |= {MOMENTUM + name: tensor for name, tensor in state.momentum.items()}
    return tensors | stream_tensors(state.streams)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _refuse_another(card: dict[str, Any], path: Path, kind: Kind, run: Run) -> None:
    if type(card["form"]) is int and card["form"] > FORM:
        raise UnknownFields(f"form {card['form']}, known here are 1 to {FORM}")
    found = {name: card[name] for name in ("form", "kind", "key", "seed")}
    needed = {"form": FORM, "kind": kind.value, "key": run.cell.key, "seed": run.seed}
    other = [f"its {name} is {found[name]!r}, not {needed[name]!r}" for name in found if found[name] != needed[name]]
    if other:
        raise CheckpointError(
            f"{path} holds no {kind} of this run ({', '.join(other)}); move it to where it belongs, or delete it"
        )


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return header.get("__metadata__") or {}


def _tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the tensors' names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}\t{tensor.dtype}\t{list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:150]
