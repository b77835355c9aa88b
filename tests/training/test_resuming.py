"""What a run goes on from, and that processes which train together agree on it."""

import pytest
from torch import nn

from senet_lab.errors import StudyError
from senet_lab.records.store import Store
from senet_lab.training.checkpoint import Checkpoint, CheckpointError, CheckpointRefused
from senet_lab.training.resuming import checkpoint_of
from senet_lab.training.state_file import Kind, Saved, to_bytes
from tests.smallest import run

RUN = run()


class Two:
    """Two processes; the other one gives what ``theirs`` makes of this one's."""

    first = True

    def __init__(self, theirs):
        self.theirs = theirs

    def told(self, mine):
        return mine

    def gathered(self, mine):
        return [mine, self.theirs(mine)]


@pytest.fixture
def begun(tmp_path):
    """A store with a checkpoint of no step, and the network that it fits."""
    store, model = Store(tmp_path), nn.Linear(2, 2)
    path = store.path(RUN, "cache/checkpoints", ".safetensors")
    path.parent.mkdir(parents=True)
    state = Checkpoint(model.state_dict(), {}, (), 0.0, (), None, [])
    path.write_bytes(to_bytes(Kind.CHECKPOINT, RUN, Saved(state, (), (), {"train": "a"})))
    return store, model


def test_what_one_process_refuses_all_refuse(begun):
    """A network that differs on one machine: the others would wait for it in the first step."""
    store, model = begun
    refused = Two(lambda mine: "it does not fit there" if mine == "" else mine)
    with pytest.raises(CheckpointRefused, match="it does not fit there"):
        checkpoint_of(RUN, store, model, None, {"train": "a"}, refused)
    with pytest.raises(CheckpointRefused, match=r"was trained on other data than are here \(train\)"):
        checkpoint_of(RUN, store, model, None, {"train": "b"}, Two(lambda mine: mine))
    assert issubclass(CheckpointRefused, CheckpointError)


def test_processes_with_different_data_are_told_so(begun):
    """Before anything is trained: each would see its part of other photos."""
    store, model = begun
    other = Two(lambda mine: {"train": "b"} if mine == {"train": "a"} else mine)
    with pytest.raises(StudyError, match="see different data: give all of them the same folder"):
        checkpoint_of(RUN, store, model, None, {"train": "a"}, other)


def test_an_earlier_checkpoint_without_digests_is_taken(begun):
    """It does not say its data."""
    store, model = begun
    path = store.path(RUN, "cache/checkpoints", ".safetensors")
    state = Checkpoint(model.state_dict(), {}, (), 0.0, (), None, [])
    path.write_bytes(to_bytes(Kind.CHECKPOINT, RUN, Saved(state, ())))

    assert checkpoint_of(RUN, store, model, None, {"train": "a"}, Two(lambda mine: mine)).data == {}
