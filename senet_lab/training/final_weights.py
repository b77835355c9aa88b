"""Reads the final weights of a recorded run. Whatever looks at a trained network reads them here."""

from pathlib import Path

from torch import nn

from senet_lab.errors import StudyError
from senet_lab.records.publish import file_of, read_file
from senet_lab.records.reading import read_bytes
from senet_lab.records.store import Store
from senet_lab.study.cell import Run
from senet_lab.training.checkpoint import CheckpointError, tensors_misfit
from senet_lab.training.state_file import Kind, from_bytes


def weights_path(run: Run, store: Store) -> Path:
    """The path of a run's final weights."""
    return file_of(store, run, "weights")


def load_final_weights(model: nn.Module, run: Run, store: Store) -> None:
    """Loads the final weights of a run into its network.

    Raises StudyError where the file is missing or damaged, is not the one that the run's record names, or belongs to
    another cell or seed.
    """
    path, record = weights_path(run, store), store.read(run)
    data = read_file(store, record, "weights") if record else read_bytes(path)
    if data is None:
        mend = "train it there"
        if record:  # a recorded run is not trained again in its folder
            mend = "train it again in another folder, and name that here (--results mine for both)"
        raise StudyError(f"{path} is missing: final weights stay where a run was trained; copy them, or {mend}")
    state = from_bytes(data, path, Kind.WEIGHTS, run).state
    if reason := tensors_misfit("weight", state.model, model.state_dict()):
        raise CheckpointError(f"{path} does not fit its network: {reason}")
    model.load_state_dict(state.model)
