"""Reads named tensors from files of weights, by safetensors or torch's reader of plain data, which run no code."""

import argparse
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from senet_lab.errors import StudyError

SAFETENSORS = ".safetensors"
PICKLED = (".pth", ".pth.tar", ".pt", ".ckpt", ".bin", ".pkl")
SUFFIXES = (SAFETENSORS, *PICKLED)
# The keys under which a checkpoint may keep its weights; the first one found counts.
WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net")
# Prefixes of every name that come from DataParallel, from Lightning and this project's checkpoints, from torch.compile.
PREFIXES = ("module.", "model.", "_orig_mod.")
BESIDE = ("momentum.", "stream.")  # prefixes of what this project's checkpoints have beside "model."
# Many checkpoints hold command line options in this class, which has attributes only. NumPy's numbers are not allowed:
# reading them builds arrays of a type that the file chooses.
HARMLESS = argparse.Namespace


def is_weights_file(name: str) -> bool:
    """Whether a name has a suffix of weights files (SUFFIXES), in upper or lower case."""
    return name.lower().endswith(SUFFIXES)


def read_state(path: Path) -> dict[str, Tensor]:
    """The named tensors in a file of weights, on the CPU, without the prefixes of wrappers.

    Raises StudyError, in one line, for a file that is missing, damaged, of another kind, or holds more than plain data.
    It also raises it for a tensor that is not dense or has a value that is not finite.
    """
    if not is_weights_file(path.name):
        raise StudyError(f"{path} is no file of weights; known are {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise StudyError(f"{path} is no regular file" if path.exists() else f"{path} is missing")
    read = _read_safetensors if path.name.lower().endswith(SAFETENSORS) else _read_pickled
    state = _without_prefixes(_unwrapped(read(path), path))
    for name, tensor in state.items():
        _check(name, tensor, path)
    return state


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise StudyError(f"{path} is no safetensors file ({_short(error)})") from None


def _read_pickled(path: Path) -> object:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([HARMLESS]):
            warnings.simplefilter("ignore")  # torch warns about the formats of its older releases
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" in str(error) or "GLOBAL" in str(error):
            raise StudyError(
                f"{path} holds more than tensors, and reading that would run code of the file; save model.state_dict() "
                f"alone, with torch.save or as {SAFETENSORS} ({_culprit(error)})"
            ) from None
        raise StudyError(f"{path} is no checkpoint of torch, or a damaged one ({_short(error)})") from None
    except Exception as error:  # a damaged archive can fail in any way
        raise StudyError(f"{path} is no checkpoint of torch, or a damaged one ({_short(error)})") from None


def _unwrapped(content: object, path: Path) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return {str(name): value for name, value in content.items()}
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if isinstance(content, Mapping) and any(isinstance(value, Tensor) for value in content.values()):
        odd = next(name for name, value in content.items() if not isinstance(value, Tensor))
        raise StudyError(f"{path}: {odd!r} is no tensor but {type(content[odd]).__name__}")
    keys = f"it has {', '.join(map(repr, list(content)[:5]))}" if isinstance(content, Mapping) and content else "empty"
    found = keys if isinstance(content, Mapping) else f"it is {type(content).__name__}"
    raise StudyError(f"{path} holds no weights by name ({found})")


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    if any(name.startswith("model.") for name in state):
        state = {name: tensor for name, tensor in state.items() if not name.startswith(BESIDE)}
    for prefix in PREFIXES * 2:
        if state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _check(name: str, tensor: Tensor, path: Path) -> None:
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex():
        raise StudyError(f"{path}: {name!r} is quantised, sparse or complex; only plain tensors are read")
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        bad = int((~tensor.isfinite()).sum())
        raise StudyError(f"{path}: {name!r} has {bad:,} of {tensor.numel():,} values that are not finite")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def _culprit(error: Exception) -> str:
    words = " ".join(str(error).split())
    return words.partition("GLOBAL ")[2].split(" ")[0].rstrip(",.") or words[:60]
