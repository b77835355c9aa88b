"""The final weights of a recorded run: the one way to read them, whoever looks at the trained network."""

from pathlib import Path

from torch import nn

from senet_lab.errors import StudyError
from senet_lab.records.files import read_bytes
from senet_lab.records.publish import file_of, read_file
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.checkpoint import CheckpointError, tensors_misfit
from senet_lab.training.state_file import Kind, from_bytes


def weights_path(run: Run, store: Store) -> Path:
    """Where the final weights of a run lie."""
    return file_of(store, run, "weights")


def load_final_weights(model: nn.Module, run: Run, store: Store) -> None:
    """Puts the final weights of a run into its network.

    Raises StudyError where they are not there, are not those that its record names, are of another cell or seed, or are
    damaged.
    """
    path, record = weights_path(run, store), store.read(run)
    data = read_file(store, record, "weights") if record else read_bytes(path)
    if data is None:
        raise StudyError(f"{path} is missing: final weights stay where a run was trained; train it there, or copy them")
    state = from_bytes(data, path, Kind.WEIGHTS, run).state
    if reason := tensors_misfit("weight", state.model, model.state_dict()):
        raise CheckpointError(f"{path} does not fit its network: {reason}")
    model.load_state_dict(state.model)
