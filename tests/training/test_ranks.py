"""What processes tell each other, where each of them has a device of its own."""

import pickle
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist

from senet_lab.models.registry import build_model
from senet_lab.training.epoch import Evaluation
from senet_lab.training.gate_health import GateMeter
from senet_lab.training.ranks import Ranks, join
from senet_lab.training.run_state import Follower, Hooks, RunState
from senet_lab.training.step import make_optimizer
from tests.smallest import SMALLEST, cell
from tests.tiny import AUGMENTED


class OnItsDevice(torch.Tensor):
    """A tensor as on a GPU that this process alone uses: whoever unpickles it has it there too, and not on the CPU."""

    @property
    def device(self):
        return torch.device("cuda:1")

    def cpu(self, *_, **__):
        return self.as_subclass(torch.Tensor)


@pytest.fixture
def together(monkeypatch):
    """Two processes whose objects are equal. What each of them gets is pickled as torch does it."""

    def all_gather_object(found, mine, group):
        found[:] = [pickle.loads(pickle.dumps(mine)) for _ in found]

    def broadcast_object_list(told, src, group):
        told[:] = pickle.loads(pickle.dumps(told))

    monkeypatch.setattr(dist, "all_gather_object", all_gather_object)
    monkeypatch.setattr(dist, "broadcast_object_list", broadcast_object_list)
    return Ranks(0, 2)


def test_the_fake_tensor_stays_on_its_device_when_it_is_pickled():
    """Otherwise the tests here would prove nothing."""
    there = pickle.loads(pickle.dumps(torch.ones(2).as_subclass(OnItsDevice)))

    assert (type(there), there.device.type) == (OnItsDevice, "cuda")


def test_tensors_arrive_on_the_host_wherever_they_are_in_an_object(together):
    """In what all gather and in what the first one tells; values stay, and so does what is no tensor."""
    one = torch.arange(3.0).as_subclass(OnItsDevice)
    sent = {"a": (1, [one, None]), "b": "text"}
    for came in (*together.gathered(sent), together.told(sent)):
        tensor = came["a"][1][0]
        assert (tensor.device.type, tensor.tolist()) == ("cpu", [0.0, 1.0, 2.0])
        assert (came["a"][0], came["a"][1][1], came["b"]) == (1, None, "text")


@pytest.mark.parametrize("on_gpu", [False, True])
def test_the_others_wait_for_hours_for_what_the_first_does_alone(monkeypatch, on_gpu):
    """As the resamples of a detector's boxes on 40,000 photos. Gradients have the usual limit of half an hour."""
    groups = []
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **named: groups.append((backend, named)))
    monkeypatch.setattr(dist, "new_group", lambda **named: groups.append(named) or "control")
    environment = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost"}
    ranks = join(environment, on_gpu)

    assert groups[0] == ("nccl" if on_gpu else "gloo", {"rank": 0, "world_size": 2})
    assert groups[1]["backend"] == "gloo"
    assert groups[1]["timeout"].total_seconds() >= 6 * 3600
    assert ranks.control == "control"


class Pair(Ranks):
    """Two processes that agree about everything without asking."""

    def most(self, number):
        return number


@pytest.mark.parametrize(("ranks", "saves"), [(Pair(0, 2), [3, 3, 3, 3]), (Ranks(), [3, 3])])
def test_processes_that_train_together_save_before_an_evaluation(ranks, saves):
    """They do not end within it, and may be killed before it is over: no step is lost. One process saves after it."""
    model, protocol = build_model(SMALLEST, cell().se, 10), replace(AUGMENTED, epochs=2)
    state, saved = RunState(model, protocol, 0, torch.device("cpu")), []
    hooks = Hooks(save=lambda state: saved.append(state.sums.steps if state.sums else 3))
    follower = Follower(state, make_optimizer(model, protocol), hooks, ranks=ranks)
    for epoch in range(2):
        state.begin_epoch(epoch)
        for step in range(3):
            state.meter.add(torch.tensor(1.0), torch.tensor(1), protocol.batch_size)
            follower.after_step(epoch, step + 1)
        state.end_epoch(epoch, Evaluation(1.0, torch.zeros(8, 2, dtype=torch.bool)))
        follower.after_epoch()

    assert saved == saves


def test_the_gates_of_several_devices_are_joined_on_the_host(together):
    """Each process holds its sums on its own device; twice the same images have the health of once."""
    model = build_model(SMALLEST, cell().se, 10).eval()
    alone, meter = GateMeter(model), GateMeter(model)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for one in (alone, meter):
        with torch.no_grad(), one.listening():
            model(images)
    meter._moments = [tuple(sum_C.as_subclass(OnItsDevice) for sum_C in sums) for sums in meter._moments]
    meter._saturated = [counts.as_subclass(OnItsDevice) for counts in meter._saturated]
    meter.take_in(together)

    assert {sum_C.device.type for sums in meter._moments for sum_C in sums} == {"cpu"}
    assert meter._images == [8, 8, 8]
    assert meter.health() == alone.health()
